import { Module } from '@nestjs/common';

import { AuditOperations } from './audit.operations.js';
import { AuditLog } from './audit.store.js';

const providers = [AuditLog, AuditOperations];

@Module({ providers, exports: providers })
export class AuditModule {}
