import { generateSync } from 'otplib';

import { sameSecret } from '../domain/secret.js';

/** How long a code is shown, in seconds (RFC 6238: X). */
export const STEP_SECONDS = 30;
/** How many bytes a new seed has: AWS gives out 320 bits, twice what RFC 4226 recommends. */
export const SEED_BYTES = 40;
/** How many steps a code may be early or late (RFC 6238 §5.2). */
const TOLERATED_STEPS = 1;
/** How many steps the clock of a device may be off when it is synchronised anew: ten minutes either way. */
export const RESYNC_STEPS = 20;

const DIGITS = 6;
const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** The counter of a time (RFC 6238 §4.2). */
export function counterAt(now: Date): number {
  return Math.floor(now.getTime() / 1000 / STEP_SECONDS);
}

/** The code of a counter, 6 digits by HMAC-SHA-1: all that authenticator apps agree on, and all that AWS takes. */
export function codeAt(seed: Uint8Array, counter: number): string {
  return generateSync({ secret: seed, epoch: counter * STEP_SECONDS, algorithm: 'sha1', digits: DIGITS, period: STEP_SECONDS });
}

/** The counters whose codes are accepted now: the present one as the device reckons it, and one on either side. */
export function acceptedCounters(now: Date, drift: number): readonly number[] {
  return around(counterAt(now) + drift, TOLERATED_STEPS);
}

/** The counters that the second of two codes may have when a device is synchronised anew. */
export function resyncCounters(now: Date): readonly number[] {
  return around(counterAt(now), RESYNC_STEPS);
}

/** The latest of some counters whose code this is. All are compared, and compared whole, whichever fits. */
export function matchedCounter(seed: Uint8Array, code: string, counters: readonly number[]): number | undefined {
  return latest(counters, counters.map((counter) => sameSecret(codeAt(seed, counter), code)));
}

/** The latest of some counters whose code is the second of two, where the first is that of the counter before it. */
export function matchedPair(seed: Uint8Array, [first, second]: readonly [string, string], counters: readonly number[]): number | undefined {
  const fits = counters.map((counter) => {
    const before = sameSecret(codeAt(seed, Math.max(counter - 1, 0)), first);
    return sameSecret(codeAt(seed, counter), second) && before;
  });
  // Equal codes may belong to one step: they prove less than two do.
  return sameSecret(first, second) ? undefined : latest(counters, fits);
}

function latest(counters: readonly number[], fits: readonly boolean[]): number | undefined {
  const fitting = counters.filter((_, index) => fits[index]);
  return fitting.length === 0 ? undefined : Math.max(...fitting);
}

function around(counter: number, steps: number): readonly number[] {
  return Array.from({ length: 2 * steps + 1 }, (_, index) => counter - steps + index).filter((candidate) => candidate >= 0);
}

/** A seed in Base32 (RFC 4648), whose length must be a multiple of 5 bytes: 64 characters for a new one. */
export function base32(seed: Uint8Array): string {
  let text = '';
  let bits = 0;
  let held = 0;
  for (const byte of seed) {
    held = (held << 8) | byte;
    bits += 8;
    for (; bits >= 5; bits -= 5) text += alphabet.charAt((held >>> (bits - 5)) & 31);
    held &= (1 << bits) - 1;
  }
  if (bits > 0) throw new RangeError(`a seed has a multiple of 5 bytes, got ${String(seed.length)}`);
  return text;
}

/** What a QR code of a device says (Key URI Format): a label by which its owner finds it among others, and the seed. */
export function otpauthUri(device: { readonly name: string; readonly account: string; readonly seed: Uint8Array }): string {
  const label = `Stint:${encodeURIComponent(`${device.name}@${device.account}`)}`;
  return `otpauth://totp/${label}?secret=${base32(device.seed)}&issuer=Stint&algorithm=SHA1&digits=${String(DIGITS)}&period=${String(STEP_SECONDS)}`;
}
