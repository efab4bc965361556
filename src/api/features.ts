import type { Type } from '@nestjs/common';

import { AccountWideOperations } from '../account/account.operations.js';
import { DetailOperations } from '../account/details.operations.js';
import { CredentialReportOperations } from '../account/reports.operations.js';
import { TrustSettingsOperations } from '../account/trust-settings.operations.js';
import { AuditOperations } from '../audit/audit.operations.js';
import { OidcProviderOperations } from '../federation/oidc-providers.operations.js';
import { SamlProviderOperations } from '../federation/saml-providers.operations.js';
import { AbsentCredentialOperations } from '../identities/absent-credentials.operations.js';
import { AccessKeyOperations } from '../identities/access-keys.operations.js';
import { AccountOperations } from '../identities/accounts.operations.js';
import { GroupOperations } from '../identities/groups.operations.js';
import { LoginProfileOperations, PasswordPolicyOperations } from '../identities/passwords.operations.js';
import { UserOperations } from '../identities/users.operations.js';
import type { Implementation } from '../kernel/handler.js';
import { MfaOperations } from '../mfa/mfa.operations.js';
import { RecoveryCodeOperations } from '../mfa/recovery-codes.operations.js';
import { AttachmentOperations } from '../policies/attachments.operations.js';
import { DecisionOperations } from '../policies/decisions.operations.js';
import { ManagedPolicyOperations } from '../policies/managed.operations.js';
import { PolicyOperations } from '../policies/policies.operations.js';
import { SimulateOperations } from '../policies/simulate.operations.js';
import { InstanceProfileOperations } from '../roles/profiles.operations.js';
import { RoleOperations } from '../roles/roles.operations.js';
import { ServiceLinkedRoleOperations } from '../roles/service-linked.operations.js';
import { TrustLinterOperations } from '../roles/trust-linter.operations.js';
import { ExchangeOperations } from '../sessions/exchange.operations.js';
import { SessionOperations } from '../sessions/sessions.operations.js';
import { SignInOperations } from '../sessions/sign-in.operations.js';
import { StsOperations } from '../sessions/sts.operations.js';
import { WebIdentityOperations } from '../sessions/web-identity.operations.js';

/** The operations of a part of Stint. */
export interface Feature {
  readonly operations: readonly Implementation[];
}

/** Injection token of every feature. */
export const FEATURES = Symbol('features');

/** Every class that has operations: the one list of what Stint does, in the order in which it is documented. */
export const features: readonly Type<Feature>[] = [
  StsOperations,
  WebIdentityOperations,
  ExchangeOperations,
  SessionOperations,
  SignInOperations,
  UserOperations,
  AccessKeyOperations,
  AbsentCredentialOperations,
  LoginProfileOperations,
  PasswordPolicyOperations,
  MfaOperations,
  RecoveryCodeOperations,
  GroupOperations,
  RoleOperations,
  ServiceLinkedRoleOperations,
  TrustLinterOperations,
  InstanceProfileOperations,
  PolicyOperations,
  ManagedPolicyOperations,
  AttachmentOperations,
  OidcProviderOperations,
  SamlProviderOperations,
  AccountWideOperations,
  TrustSettingsOperations,
  DetailOperations,
  CredentialReportOperations,
  DecisionOperations,
  SimulateOperations,
  AccountOperations,
  AuditOperations,
];
