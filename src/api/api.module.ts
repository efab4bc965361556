import { Module } from '@nestjs/common';

import { AuditModule } from '../audit/audit.module.js';
import { SessionsModule } from '../sessions/sessions.module.js';
import { Draining } from './draining.js';
import { Exchange } from './exchange.js';
import { Executor } from './executor.js';
import { QueryFace } from './query.face.js';
import { Operations } from './registry.js';
import { RestFace } from './rest.face.js';
import { SystemFace } from './system.face.js';

@Module({ imports: [AuditModule, SessionsModule], controllers: [SystemFace, QueryFace, RestFace], providers: [Draining, Exchange, Executor, Operations] })
export class ApiModule {}
