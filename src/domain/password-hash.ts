import { scrypt, type ScryptOptions } from 'node:crypto';

import { sameSecret, Secret } from './secret.js';

/** What hashing a password costs whoever guesses at it (RFC 7914): memory 128 · 2^logN · r bytes, work proportional to that times p. */
export interface HashCost {
  readonly logN: number;
  readonly r: number;
  readonly p: number;
}

/** What passwords are hashed with now: 32 MiB and some tenths of a second (OWASP Password Storage Cheat Sheet: scrypt). */
export const HASH_COST: HashCost = { logN: 15, r: 8, p: 3 };
/** Random bytes that each password is hashed with. */
export const SALT_BYTES = 16;

const KEY_BYTES = 32;
/** What no stored hash may ask for, in bytes. */
const MEMORY_MAX = 256 * 1024 * 1024;
const FORM = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]{16,86})\$([A-Za-z0-9+/]{43})$/;

/**
 * Hashes a password with scrypt, away from the event loop. The text holds cost and salt in the PHC string format, so that
 * the cost can be raised later: `$scrypt$ln=15,r=8,p=3$salt$hash`.
 */
export async function hashPassword(password: Secret, salt: Uint8Array, cost: HashCost = HASH_COST): Promise<Secret> {
  const derived = await derive(password, salt, cost);
  return Secret.of(`$scrypt$ln=${cost.logN},r=${cost.r},p=${cost.p}$${unpadded(salt)}$${unpadded(derived)}`);
}

/** A hash that is no password's, to be compared with where there is none: it costs what others cost. */
export const DECOY = Secret.of(`$scrypt$ln=${HASH_COST.logN},r=${HASH_COST.r},p=${HASH_COST.p}$${unpadded(Buffer.alloc(SALT_BYTES))}$${unpadded(Buffer.alloc(KEY_BYTES))}`);

/** Whether a password is the one that was hashed. Throws where the text is no hash of ours. */
export async function isPassword(password: Secret, hashed: Secret): Promise<boolean> {
  const [, logN, r, p, salt = '', key = ''] = FORM.exec(hashed.reveal()) ?? [];
  if (logN === undefined) throw new Error('a stored password hash is malformed');
  const derived = await derive(password, Buffer.from(salt, 'base64'), { logN: Number(logN), r: Number(r), p: Number(p) });
  return sameSecret(unpadded(derived), key);
}

function derive(password: Secret, salt: Uint8Array, { logN, r, p }: HashCost): Promise<Buffer> {
  const memory = 128 * 2 ** logN * r;
  if (memory > MEMORY_MAX) throw new Error('a stored password hash asks for too much memory');
  const options: ScryptOptions = { N: 2 ** logN, r, p, maxmem: memory + 128 * r * (p + 2) };
  return new Promise((resolve, reject) => {
    scrypt(password.reveal(), salt, KEY_BYTES, options, (error, derived) => {
      if (error === null) resolve(derived);
      else reject(error);
    });
  });
}

function unpadded(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64').replace(/=+$/, '');
}
