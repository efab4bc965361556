import { Module } from '@nestjs/common';

import { IdentitiesModule } from '../identities/identities.module.js';
import { MfaCodes } from './codes.js';
import { MfaOperations } from './mfa.operations.js';
import { MfaThrottleStore } from './throttle.store.js';

const providers = [MfaThrottleStore, MfaCodes, MfaOperations];

@Module({ imports: [IdentitiesModule], providers, exports: providers })
export class MfaModule {}
