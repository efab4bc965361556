import { Module } from '@nestjs/common';

import { AccountModule } from '../account/account.module.js';
import { AuditModule } from '../audit/audit.module.js';
import { FederationModule } from '../federation/federation.module.js';
import { SessionsModule } from '../sessions/sessions.module.js';
import { Draining } from './draining.js';
import { Exchange } from './exchange.js';
import { Executor } from './executor.js';
import { FEATURES, features, type Feature } from './features.js';
import { OidcFace } from './oidc.face.js';
import { OAuthFace } from './oauth.face.js';
import { QueryFace } from './query.face.js';
import { Operations } from './registry.js';
import { RestFace } from './rest.face.js';
import { SystemFace } from './system.face.js';

const collected = { provide: FEATURES, useFactory: (...found: Feature[]) => found, inject: [...features] };

@Module({ imports: [AuditModule, FederationModule, AccountModule, SessionsModule], controllers: [SystemFace, OidcFace, OAuthFace, QueryFace, RestFace], providers: [Draining, Exchange, Executor, Operations, collected] })
export class ApiModule {}
