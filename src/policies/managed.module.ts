import { Global, Module } from '@nestjs/common';

import { BoundaryPolicies } from '../identities/boundaries.js';
import { IdentitiesModule } from '../identities/identities.module.js';
import { RolesModule } from '../roles/roles.module.js';
import { AttachmentOperations } from './attachments.operations.js';
import { AttachmentsStore } from './attachments.store.js';
import { ManagedPolicyOperations } from './managed.operations.js';
import { ManagedPoliciesStore } from './managed.store.js';
import { PolicyOwners } from './owners.js';
import { PolicyUses } from './uses.js';

const providers = [PolicyOwners, ManagedPoliciesStore, AttachmentsStore, PolicyUses, ManagedPolicyOperations, AttachmentOperations];
const boundaries = { provide: BoundaryPolicies, useExisting: ManagedPoliciesStore };

/** Global, because users and roles, which stand below, take their boundaries from here. */
@Global()
@Module({ imports: [IdentitiesModule, RolesModule], providers: [...providers, boundaries], exports: [...providers, boundaries, IdentitiesModule, RolesModule] })
export class ManagedPoliciesModule {}
