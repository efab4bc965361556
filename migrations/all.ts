import { Audit1767225600001 } from './1767225600001-audit.js';
import { Identities1767225600002 } from './1767225600002-identities.js';
import { Roles1767225600003 } from './1767225600003-roles.js';
import { Policies1767225600004 } from './1767225600004-policies.js';
import { Sessions1767225600005 } from './1767225600005-sessions.js';
import { Decisions1767225600006 } from './1767225600006-decisions.js';
import { ManagedPolicies1767225600007 } from './1767225600007-managed-policies.js';
import { Issuers1767225600008 } from './1767225600008-issuers.js';
import { SessionControl1767225600009 } from './1767225600009-session-control.js';
import { GroupsAndBoundaries1767225600010 } from './1767225600010-groups-and-boundaries.js';
import { IdentityProviders1767225600011 } from './1767225600011-identity-providers.js';
import { InstanceProfiles1767225600012 } from './1767225600012-instance-profiles.js';
import { LoginProfiles1767225600013 } from './1767225600013-login-profiles.js';
import { AccountAdministration1767225600014 } from './1767225600014-account-administration.js';
import { Mfa1767225600015 } from './1767225600015-mfa.js';
import { SignIn1767225600016 } from './1767225600016-sign-in.js';
import { SamlReplay1767225600017 } from './1767225600017-saml-replay.js';
import { AccountSettings1767225600018 } from './1767225600018-account-settings.js';
import { SessionLines1767225600019 } from './1767225600019-session-lines.js';
import { SessionActors1767225600020 } from './1767225600020-session-actors.js';

/** Every migration, oldest first: listed by hand, so that the built program and the tests run the same ones. */
export const migrations = [
  Audit1767225600001,
  Identities1767225600002,
  Roles1767225600003,
  Policies1767225600004,
  Sessions1767225600005,
  Decisions1767225600006,
  ManagedPolicies1767225600007,
  Issuers1767225600008,
  SessionControl1767225600009,
  GroupsAndBoundaries1767225600010,
  IdentityProviders1767225600011,
  InstanceProfiles1767225600012,
  LoginProfiles1767225600013,
  AccountAdministration1767225600014,
  Mfa1767225600015,
  SignIn1767225600016,
  SamlReplay1767225600017,
  AccountSettings1767225600018,
  SessionLines1767225600019,
  SessionActors1767225600020,
] as const;
