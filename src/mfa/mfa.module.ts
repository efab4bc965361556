import { Module } from '@nestjs/common';

import { IdentitiesModule } from '../identities/identities.module.js';
import { MfaCodes } from './codes.js';
import { MfaOperations } from './mfa.operations.js';
import { RecoveryCodeOperations } from './recovery-codes.operations.js';
import { RecoveryCodes } from './recovery-codes.js';
import { RecoveryCodesStore } from './recovery-codes.store.js';
import { MfaThrottleStore } from './throttle.store.js';

const providers = [MfaThrottleStore, MfaCodes, MfaOperations, RecoveryCodesStore, RecoveryCodes, RecoveryCodeOperations];

@Module({ imports: [IdentitiesModule], providers, exports: providers })
export class MfaModule {}
