import { ApiError } from '../domain/errors.js';
import type { Caller } from '../domain/principal.js';
import type { ReadTx } from '../kernel/database.js';
import type { IdentitiesStore, KeyOwner } from './identities.store.js';

/** The name of the user that signs. Throws a ValidationError where no user does (IAM API: UserName is optional). */
export function ownUserName(caller: Caller): string {
  if (caller.kind === 'user') return caller.userName;
  throw new ApiError('ValidationError', 'Must specify userName when calling with non-User credentials');
}

/** Whose access keys a call is about: the named user's, or without a name the caller's own, root included. */
export async function keyOwner(store: IdentitiesStore, caller: Caller, call: { tx: ReadTx; userName: string | undefined }): Promise<KeyOwner & { userName: string | undefined }> {
  if (call.userName === undefined && caller.kind === 'root') return { accountId: caller.account, userId: null, userName: undefined };
  const row = await store.userByName(call.tx, caller.account, call.userName ?? ownUserName(caller));
  return { accountId: row.accountId, userId: row.userId, userName: row.userName };
}
