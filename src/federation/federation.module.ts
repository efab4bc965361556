import { Module } from '@nestjs/common';

import { IdentitiesModule } from '../identities/identities.module.js';
import { OidcProviderOperations } from './oidc-providers.operations.js';
import { SamlProviderOperations } from './saml-providers.operations.js';

const providers = [OidcProviderOperations, SamlProviderOperations];

@Module({ imports: [IdentitiesModule], providers, exports: providers })
export class FederationModule {}
