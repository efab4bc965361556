import { parseAddress } from '../domain/policy/values.js';

/** What failures are counted for: a device, whoever holds it, and the network they come from; wrong passwords count for that on their own. */
export type ThrottleKind = 'device' | 'holder' | 'address' | 'sign-in';

/** Failures of one subject, as they are kept. */
export interface Counted {
  readonly failures: number;
  /** When the first of them was. */
  readonly since: Date;
  readonly lockedUntil: Date | undefined;
}

const SECOND = 1_000;
const HOUR = 3_600 * SECOND;
const DAY = 24 * HOUR;

/** The first delay; each failure after it doubles the delay. */
const FIRST_DELAY = 30 * SECOND;
/** From how many failures in a row on a device waits, and for how long at the most (NIST SP 800-63B: 30 seconds to an hour). */
const DEVICE = { from: 5, longest: HOUR, kept: DAY };
/** How many failures somebody may have in a period, whatever succeeds in between (NIST SP 800-63B: no more than 100). */
const HOLDER = { most: 100, period: 30 * DAY };
/** From how many failures on an address waits: many users may share it. */
const ADDRESS = { from: 20, longest: HOUR / 4, kept: HOUR };

/** Until when a subject waits after its last failure, which was now. */
export function lockedUntil(kind: ThrottleKind, { failures, since }: Omit<Counted, 'lockedUntil'>, now: Date): Date | undefined {
  if (kind === 'holder') return failures < HOLDER.most ? undefined : after(since, HOLDER.period);
  const { from, longest } = kind === 'device' ? DEVICE : ADDRESS;
  return failures < from ? undefined : after(now, Math.min(FIRST_DELAY * 2 ** (failures - from), longest));
}

/** From when on the failures of a subject are not counted any more, if there are no others. */
export function forgottenAt(kind: ThrottleKind, { since, lockedUntil: locked }: Pick<Counted, 'since' | 'lockedUntil'>, now: Date): Date {
  if (kind === 'holder') return after(since, HOLDER.period);
  return after(locked ?? now, kind === 'device' ? DEVICE.kept : ADDRESS.kept);
}

/**
 * Whether no code is accepted at the moment. An address that waits holds up only devices that failed themselves since
 * they last succeeded: whoever shares it with an attacker, and mistypes nothing, notices nothing.
 */
export function mustWait(counted: ReadonlyMap<ThrottleKind, Counted>, now: Date): boolean {
  const waits = (kind: ThrottleKind): boolean => (counted.get(kind)?.lockedUntil ?? now) > now;
  return waits('device') || waits('holder') || (waits('address') && (counted.get('device')?.failures ?? 0) > 0);
}

function after(time: Date, milliseconds: number): Date {
  return new Date(time.getTime() + milliseconds);
}

/** What failures from an address count for: the address, or the network of 64 bits, as who has one address of it has them all. */
export function networkOf(address: string): string {
  // Link-local addresses name the interface as well.
  const parsed = parseAddress(address.split('%')[0] ?? '');
  if (parsed === undefined) return address;
  return parsed.version === 4 ? fourParts(parsed.bits, { width: 8n, radix: 10 }).join('.') : `${fourParts(parsed.bits >> 64n, { width: 16n, radix: 16 }).join(':')}::/64`;
}

function fourParts(bits: bigint, { width, radix }: { width: bigint; radix: number }): readonly string[] {
  return [3n, 2n, 1n, 0n].map((place) => BigInt.asUintN(Number(width), bits >> (place * width)).toString(radix));
}
