import { Module } from '@nestjs/common';

import { IdentitiesModule } from '../identities/identities.module.js';
import { PoliciesModule } from '../policies/policies.module.js';
import { RolesModule } from '../roles/roles.module.js';
import { Authenticator } from './authenticator.js';
import { Issuer } from './issuer.js';
import { SessionsStore } from './sessions.store.js';
import { Stamping } from './stamping.js';
import { StsOperations } from './sts.operations.js';

const providers = [SessionsStore, Issuer, Authenticator, Stamping, StsOperations];
const imports = [IdentitiesModule, RolesModule, PoliciesModule];
@Module({ imports, providers, exports: [...imports, ...providers] })
export class SessionsModule {}
