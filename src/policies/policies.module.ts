import { Module } from '@nestjs/common';

import { IdentitiesModule } from '../identities/identities.module.js';
import { RolesModule } from '../roles/roles.module.js';
import { Authorizer } from './authorizer.js';
import { InlinePolicies } from './inline.js';
import { PolicyOperations } from './policies.operations.js';
import { PoliciesStore } from './policies.store.js';

const providers = [PoliciesStore, InlinePolicies, Authorizer, PolicyOperations];

@Module({ imports: [IdentitiesModule, RolesModule], providers, exports: providers })
export class PoliciesModule {}
