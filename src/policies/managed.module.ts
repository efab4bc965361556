import { Module } from '@nestjs/common';

import { IdentitiesModule } from '../identities/identities.module.js';
import { RolesModule } from '../roles/roles.module.js';
import { AttachmentOperations } from './attachments.operations.js';
import { AttachmentsStore } from './attachments.store.js';
import { ManagedPolicyOperations } from './managed.operations.js';
import { ManagedPoliciesStore } from './managed.store.js';
import { PolicyOwners } from './owners.js';

const providers = [PolicyOwners, ManagedPoliciesStore, AttachmentsStore, ManagedPolicyOperations, AttachmentOperations];

@Module({ imports: [IdentitiesModule, RolesModule], providers, exports: [...providers, IdentitiesModule, RolesModule] })
export class ManagedPoliciesModule {}
