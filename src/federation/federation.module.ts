import { Module } from '@nestjs/common';

import { IdentitiesModule } from '../identities/identities.module.js';
import { IdentityTokens } from './identity-tokens.js';
import { OidcIssuers } from './oidc-issuers.js';
import { OidcProviderOperations } from './oidc-providers.operations.js';
import { SamlPrivateKeys } from './saml-private-keys.js';
import { SamlResponses } from './saml-responses.js';
import { SamlProviderOperations } from './saml-providers.operations.js';

const providers = [OidcProviderOperations, SamlProviderOperations, OidcIssuers, IdentityTokens, SamlPrivateKeys, SamlResponses];

@Module({ imports: [IdentitiesModule], providers, exports: providers })
export class FederationModule {}
