import { Module } from '@nestjs/common';

import { Authorizer } from './authorizer.js';
import { DecisionOperations } from './decisions.operations.js';
import { DecisionsStore } from './decisions.store.js';
import { Decisions } from './decisions.js';
import { InlinePolicies } from './inline.js';
import { ManagedPoliciesModule } from './managed.module.js';
import { PolicyOperations } from './policies.operations.js';
import { PoliciesStore } from './policies.store.js';
import { SessionPolicies } from './session-policies.js';
import { SimulateOperations } from './simulate.operations.js';

const providers = [SessionPolicies, PoliciesStore, InlinePolicies, Authorizer, PolicyOperations, Decisions, DecisionsStore, DecisionOperations, SimulateOperations];

@Module({ imports: [ManagedPoliciesModule], providers, exports: [...providers, ManagedPoliciesModule] })
export class PoliciesModule {}
