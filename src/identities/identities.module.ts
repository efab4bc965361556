import { Module } from '@nestjs/common';

import { AbsentCredentialOperations } from './absent-credentials.operations.js';
import { AccessKeyOperations } from './access-keys.operations.js';
import { AccountOperations } from './accounts.operations.js';
import { Bootstrap } from './bootstrap.js';
import { GroupOperations } from './groups.operations.js';
import { GroupsStore } from './groups.store.js';
import { IdentitiesStore } from './identities.store.js';
import { KeyMaker } from './keys.js';
import { LoginProfileOperations, PasswordPolicyOperations } from './passwords.operations.js';
import { PasswordsStore } from './passwords.store.js';
import { Passwords } from './passwords.js';
import { MfaDevicesStore } from './mfa-devices.store.js';
import { IdentityProvidersStore } from './providers.store.js';
import { TrustSettingsStore } from './trust-settings.store.js';
import { TrustedIssuers } from './trusted-issuers.js';
import { UserOperations } from './users.operations.js';

const providers = [IdentitiesStore, IdentityProvidersStore, KeyMaker, Bootstrap, UserOperations, AccessKeyOperations, AccountOperations, GroupsStore, GroupOperations, AbsentCredentialOperations, PasswordsStore, Passwords, LoginProfileOperations, PasswordPolicyOperations, MfaDevicesStore, TrustSettingsStore, TrustedIssuers];

@Module({ providers, exports: providers })
export class IdentitiesModule {}
