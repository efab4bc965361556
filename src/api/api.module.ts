import { Module } from '@nestjs/common';

import { AuditModule } from '../audit/audit.module.js';
import { IdentitiesModule } from '../identities/identities.module.js';
import { PoliciesModule } from '../policies/policies.module.js';
import { RolesModule } from '../roles/roles.module.js';
import { SessionsModule } from '../sessions/sessions.module.js';
import { Draining } from './draining.js';
import { Exchange } from './exchange.js';
import { Executor } from './executor.js';
import { QueryFace } from './query.face.js';
import { Operations } from './registry.js';
import { RestFace } from './rest.face.js';
import { SystemFace } from './system.face.js';

const imports = [AuditModule, IdentitiesModule, RolesModule, PoliciesModule, SessionsModule];
@Module({ imports, controllers: [SystemFace, QueryFace, RestFace], providers: [Draining, Exchange, Executor, Operations] })
export class ApiModule {}
