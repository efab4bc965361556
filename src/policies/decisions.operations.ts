import { Injectable } from '@nestjs/common';

import { openMessage } from '../domain/authorization-message.js';
import { ApiError } from '../domain/errors.js';
import { Keyring } from '../kernel/keyring.js';
import { implement } from '../kernel/handler.js';
import { decisionContracts } from './decisions.contract.js';
import { DecisionsStore } from './decisions.store.js';

/** Use cases of explained refusals. */
@Injectable()
export class DecisionOperations {
  constructor(
    private readonly store: DecisionsStore,
    private readonly keyring: Keyring,
  ) {}

  readonly operations = implement(decisionContracts, {
    GetDecision: async (input, ctx) => {
      const row = await ctx.read((tx) => this.store.find(tx, input.DecisionId, ctx.caller.account));
      if (row === undefined) throw new ApiError('NoSuchEntity', `The decision with id ${input.DecisionId} cannot be found.`);
      return {
        DecisionId: row.decisionId,
        RequestId: row.requestId,
        DecidedAt: row.decidedAt,
        Decision: JSON.parse(row.content) as Record<string, unknown>,
      };
    },
    DecodeAuthorizationMessage: (input, ctx) => {
      const text = openMessage(this.keyring, input.EncodedMessage, ctx.caller.account);
      if (text === undefined) throw new ApiError('InvalidAuthorizationMessageException', 'Message is not valid');
      return Promise.resolve({ DecodedMessage: text });
    },
  });
}
