import { Injectable } from '@nestjs/common';

import type { ReadTx } from '../kernel/database.js';
import { append, type Append, type AppendTable } from '../kernel/ledger.js';
import { SessionRow } from './sessions.entities.js';

const table: AppendTable<SessionRow> = {
  name: 'session',
  columns: [
    { name: 'session_id', type: 'uuid', of: (row) => row.sessionId },
    { name: 'access_key_id', type: 'text', of: (row) => row.accessKeyId },
    { name: 'account_id', type: 'text', of: (row) => row.accountId },
    { name: 'kind', type: 'text', of: (row) => row.kind },
    { name: 'principal_arn', type: 'text', of: (row) => row.principalArn },
    { name: 'principal_id', type: 'text', of: (row) => row.principalId },
    { name: 'role_id', type: 'text', of: (row) => row.roleId },
    { name: 'session_name', type: 'text', of: (row) => row.sessionName },
    { name: 'source_identity', type: 'text', of: (row) => row.sourceIdentity },
    { name: 'source_ip', type: 'text', of: (row) => row.sourceIp },
    { name: 'issuer_arn', type: 'text', of: (row) => row.issuerArn },
    { name: 'parent_session_id', type: 'uuid', of: (row) => row.parentSessionId },
    { name: 'root_session_id', type: 'uuid', of: (row) => row.rootSessionId },
    { name: 'issued_at', type: 'timestamptz', of: (row) => row.issuedAt.toISOString() },
    { name: 'expires_at', type: 'timestamptz', of: (row) => row.expiresAt.toISOString() },
    { name: 'token_sha256', type: 'bytea', of: (row) => row.tokenSha256 },
  ],
};

/** Issued sessions. */
@Injectable()
export class SessionsStore {
  /** The row of a new session, for the ledger. */
  issued(row: SessionRow): Append {
    return append(table, row);
  }

  /** The session that an access key id was issued with. */
  async findByAccessKey(tx: ReadTx, accessKeyId: string): Promise<SessionRow | undefined> {
    return (await tx.findOneBy(SessionRow, { accessKeyId })) ?? undefined;
  }
}
