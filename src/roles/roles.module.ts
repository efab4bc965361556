import { Module } from '@nestjs/common';

import { IdentitiesModule } from '../identities/identities.module.js';
import { InstanceProfileOperations } from './profiles.operations.js';
import { InstanceProfilesStore } from './profiles.store.js';
import { RoleOperations } from './roles.operations.js';
import { RolesStore } from './roles.store.js';
import { ServiceLinkedRoleOperations } from './service-linked.operations.js';
import { TrustLinter } from './trust-linter.js';
import { TrustLinterOperations } from './trust-linter.operations.js';
import { TrustPolicies } from './trust.js';

const providers = [RolesStore, TrustPolicies, TrustLinter, TrustLinterOperations, RoleOperations, InstanceProfilesStore, InstanceProfileOperations, ServiceLinkedRoleOperations];

@Module({ imports: [IdentitiesModule], providers, exports: providers })
export class RolesModule {}
