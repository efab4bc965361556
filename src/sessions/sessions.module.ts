import { Module } from '@nestjs/common';

import { AccountModule } from '../account/account.module.js';
import { FederationModule } from '../federation/federation.module.js';
import { IdentitiesModule } from '../identities/identities.module.js';
import { MfaModule } from '../mfa/mfa.module.js';
import { PoliciesModule } from '../policies/policies.module.js';
import { RolesModule } from '../roles/roles.module.js';
import { RoleAssumption } from './assume-role.js';
import { RootAssumption } from './assume-root.js';
import { FederatedAssumption, FederatedProofs } from './assume-federated.js';
import { Authenticator } from './authenticator.js';
import { Delegation } from './delegation.js';
import { ExchangeOperations } from './exchange.operations.js';
import { IdentityTokenIssuer } from './identity-token-issuer.js';
import { IssuedAnswers } from './issued-answers.js';
import { IssuedAnswersStore } from './issued-answers.store.js';
import { IssuerKeys } from './issuer-keys.js';
import { Issuer } from './issuer.js';
import { IssuersStore } from './issuers.store.js';
import { SessionMfa } from './mfa.js';
import { Retention } from './retention.js';
import { Revocations } from './revocations.js';
import { RevocationsStore } from './revocations.store.js';
import { ScopingDown } from './scoping.js';
import { SessionOperations } from './sessions.operations.js';
import { SignInOperations } from './sign-in.operations.js';
import { SignInProofs, SignIns } from './sign-in.js';
import { SessionsStore } from './sessions.store.js';
import { Stamping } from './stamping.js';
import { StsOperations } from './sts.operations.js';
import { SubjectTokens } from './subject-tokens.js';
import { TokenExchange } from './token-exchange.js';
import { UsedAssertionsStore } from './used-assertions.store.js';
import { WebIdentityOperations } from './web-identity.operations.js';

const stores = [SessionsStore, RevocationsStore, IssuedAnswersStore, UsedAssertionsStore, IssuersStore];
const providers = [...stores, Revocations, Issuer, Authenticator, Stamping, Retention, IssuedAnswers, RoleAssumption, RootAssumption, FederatedAssumption, FederatedProofs, ScopingDown, SessionMfa, StsOperations, SessionOperations, IssuerKeys, WebIdentityOperations, SignInProofs, SignIns, SignInOperations, IdentityTokenIssuer, SubjectTokens, Delegation, TokenExchange, ExchangeOperations];
const imports = [IdentitiesModule, RolesModule, PoliciesModule, MfaModule, FederationModule, AccountModule];

@Module({ imports, providers, exports: [...imports, ...providers] })
export class SessionsModule {}
