import { hash } from 'node:crypto';

import { Injectable } from '@nestjs/common';

import { ApiError } from '../domain/errors.js';
import type { ReadTx } from '../kernel/database.js';
import { append, type Append, type AppendTable } from '../kernel/ledger.js';
import { SamlAssertionRow } from './sessions.entities.js';

const table: AppendTable<SamlAssertionRow> = {
  name: 'saml_assertion',
  columns: [
    { name: 'key_sha256', type: 'bytea', of: (row) => row.keySha256 },
    { name: 'expires_at', type: 'timestamptz', of: (row) => row.expiresAt.toISOString() },
  ],
};

/** How much longer than an assertion is accepted it is remembered, in milliseconds: the clocks of nodes differ. */
const KEPT_MS = 3_600_000;

/** An assertion that was verified, and for which provider: by its ARN, so that a provider that is made anew is the same. */
export interface UsedAssertion {
  readonly providerArn: string;
  readonly issuer: string;
  readonly assertionId: string;
  /** From here on it is refused anyway. */
  readonly acceptedUntil: Date;
}

/**
 * SAML assertions that sessions were issued for. Each counts once for a provider, on all nodes: its row is committed with
 * the session, and the database takes one.
 */
@Injectable()
export class UsedAssertionsStore {
  /** The row that uses an assertion up, for the ledger, which refuses it (InvalidIdentityToken) where another did. */
  used(assertion: UsedAssertion): Append {
    const row = { keySha256: keyOf(assertion), expiresAt: new Date(assertion.acceptedUntil.getTime() + KEPT_MS) };
    return append(table, row, { constraint: 'PK_saml_assertion', refusal: usedBefore });
  }

  /** Refuses (InvalidIdentityToken) an assertion that was used before; one that is used at this moment only its commit refuses. */
  async requireUnused(tx: ReadTx, assertion: UsedAssertion): Promise<void> {
    if (await tx.existsBy(SamlAssertionRow, { keySha256: keyOf(assertion) })) throw usedBefore();
  }
}

function keyOf({ providerArn, issuer, assertionId }: UsedAssertion): Buffer {
  return hash('sha256', JSON.stringify([providerArn, issuer, assertionId]), 'buffer');
}

function usedBefore(): ApiError {
  return new ApiError('InvalidIdentityToken', 'The SAML assertion was used before. Sign in again.', { detail: { why: 'the assertion was used before' } });
}
