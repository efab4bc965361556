import { Module, type DynamicModule } from '@nestjs/common';

import { CredentialReportPartRow, CredentialReportRow } from './account/reports.entities.js';
import { AccountSettingRow } from './account/settings.entities.js';
import { ApiModule } from './api/api.module.js';
import { AuditEventRow } from './audit/audit.entities.js';
import { GroupMemberRow, GroupRow } from './identities/groups.entities.js';
import { AccessKeyRow, AccountRow, UserRow } from './identities/identities.entities.js';
import { LoginProfileRow, PasswordPolicyRow } from './identities/passwords.entities.js';
import { MfaDeviceRow } from './identities/mfa-devices.entities.js';
import { OidcProviderRow, SamlPrivateKeyRow, SamlProviderRow } from './identities/providers.entities.js';
import type { Entities } from './kernel/database.js';
import type { Kernel } from './kernel/kernel.js';
import { KernelModule } from './kernel/kernel.module.js';
import { TrustSettingRow } from './identities/trust-settings.entities.js';
import { RecoveryCodesRow } from './mfa/recovery-codes.entities.js';
import { MfaThrottleRow } from './mfa/throttle.entities.js';
import { DecisionRow } from './policies/decisions.entities.js';
import { ManagedPolicyRow, PolicyAttachmentRow, PolicyVersionRow } from './policies/managed.entities.js';
import { InlinePolicyRow } from './policies/policies.entities.js';
import { InstanceProfileRow } from './roles/profiles.entities.js';
import { RoleRow } from './roles/roles.entities.js';
import { IssuerKeyRow, IssuerRow } from './sessions/issuers.entities.js';
import { IssuedAnswerRow, RevocationRow, SamlAssertionRow, SessionRow } from './sessions/sessions.entities.js';

/** Every table of the application. */
export const entities: Entities = [AuditEventRow, AccountRow, UserRow, AccessKeyRow, GroupRow, GroupMemberRow, LoginProfileRow, PasswordPolicyRow, OidcProviderRow, SamlProviderRow, SamlPrivateKeyRow, MfaDeviceRow, MfaThrottleRow, RecoveryCodesRow, RoleRow, InstanceProfileRow, InlinePolicyRow, ManagedPolicyRow, PolicyVersionRow, PolicyAttachmentRow, DecisionRow, AccountSettingRow, TrustSettingRow, CredentialReportRow, CredentialReportPartRow, SessionRow, RevocationRow, IssuedAnswerRow, SamlAssertionRow, IssuerRow, IssuerKeyRow];

/** The whole application above its kernel. */
@Module({})
export class AppModule {
  static of(kernel: Kernel): DynamicModule {
    return { module: AppModule, imports: [KernelModule.of(kernel), ApiModule] };
  }
}
