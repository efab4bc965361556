import { Module } from '@nestjs/common';

import { IdentitiesModule } from '../identities/identities.module.js';
import { RoleOperations } from './roles.operations.js';
import { RolesStore } from './roles.store.js';
import { TrustPolicies } from './trust.js';

const providers = [RolesStore, TrustPolicies, RoleOperations];

@Module({ imports: [IdentitiesModule], providers, exports: providers })
export class RolesModule {}
