/** Below zero, zero or above zero as the first of two values is before, at or after the second. */
export type Order = number;

/** Compares two numbers or instants as the ordered operators do (policy-language §7). */
export function compare(a: bigint, b: bigint): Order {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

const decimalPattern = /^([+-]?)(\d{1,64})(?:\.(\d{1,64}))?$/;

/** An integer or decimal, scaled to 64 digits after the point, so that no digit is lost in a comparison. */
export function parseDecimal(text: string): bigint | undefined {
  const [, sign = '', whole, fraction = ''] = decimalPattern.exec(text) ?? [];
  if (whole === undefined) return undefined;
  const magnitude = BigInt(whole + fraction.padEnd(64, '0'));
  return sign === '-' ? -magnitude : magnitude;
}

const datePattern =
  /^(-?\d{1,9})(?:-(\d{1,2})(?:-(\d{1,2}))?)?(?:[Tt](?:(\d{1,2})(?::(\d{1,2})(?::(\d{1,2})(?:\.(\d{1,9}))?)?)?)?(?:([Zz])|([+-])(\d{2})(?::?(\d{2}))?)?)?$/;
const maxEpoch = 2n ** 63n - 1n;
const perSecond = 1_000_000_000n;

/** Days from 1970-01-01 in the proleptic Gregorian calendar; beyond what Date can hold, as AWS accepts. */
function daysFromEpoch(year: number, month: number, day: number): number {
  const shifted = month <= 2 ? year - 1 : year;
  const era = Math.floor(shifted / 400);
  const yearOfEra = shifted - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}

function daysInMonth(year: number, month: number): number {
  const next = month === 12 ? daysFromEpoch(year + 1, 1, 1) : daysFromEpoch(year, month + 1, 1);
  return next - daysFromEpoch(year, month, 1);
}

function parseIsoDate(text: string): bigint | undefined {
  const match = datePattern.exec(text);
  if (match === null) return undefined;
  const part = (index: number, absent: number): number => Number(match[index] ?? absent);
  const [year, month, day] = [part(1, 0), part(2, 1), part(3, 1)];
  const [hour, minute, second] = [part(4, 0), part(5, 0), part(6, 0)];
  const [offsetHour, offsetMinute] = [part(10, 0), part(11, 0)];
  if (year < -292_275_054 || year > 292_278_993) return undefined;
  if (month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month)) return undefined;
  if (hour > 23 || minute > 59 || second > 59 || offsetHour > 23 || offsetMinute > 59) return undefined;
  const offset = (match[9] === '-' ? -60 : 60) * (offsetHour * 60 + offsetMinute);
  const seconds = BigInt(daysFromEpoch(year, month, day)) * 86_400n + BigInt(hour * 3600 + minute * 60 + second - offset);
  return seconds * perSecond + BigInt((match[7] ?? '').padEnd(9, '0'));
}

/**
 * A date as nanoseconds since 1970: the W3C forms of ISO 8601, or epoch seconds where neither `T` nor `-`
 * occurs (policy-language §7 and the accepted oddities `01T`, `-292275054`).
 */
export function parseDate(text: string): bigint | undefined {
  if (/[Tt-]/.test(text)) return parseIsoDate(text);
  if (!/^\d{1,19}$/.test(text)) return undefined;
  const seconds = BigInt(text);
  return seconds > maxEpoch ? undefined : seconds * perSecond;
}

/** `true` or `false` in any case (policy-language §7, Bool and Null). */
export function parseBoolean(text: string): boolean | undefined {
  const lower = text.toLowerCase();
  return lower === 'true' ? true : lower === 'false' ? false : undefined;
}

// Before padding, only characters whose unused bits are zero: otherwise two texts could mean the same bytes.
const base64Pattern = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?$/;

/** Whether a text is canonical base64, so that equal texts mean equal bytes (RFC 4648 §3.5, BinaryEquals). */
export function isBase64(text: string): boolean {
  return base64Pattern.test(text);
}

/** An address block: the version, the network's bits and how many of them count. */
export interface Block {
  readonly version: 4 | 6;
  readonly bits: bigint;
  readonly prefix: number;
}

function parseV4(text: string): bigint | undefined {
  const octets = text.split('.');
  if (octets.length !== 4 || !octets.every((octet) => /^(?:0|[1-9]\d{0,2})$/.test(octet) && Number(octet) < 256)) {
    return undefined;
  }
  return octets.reduce((bits, octet) => bits * 256n + BigInt(octet), 0n);
}

/** The 16-bit groups of one side of `::`; an IPv4 tail counts as two. */
function parseGroups(text: string, tail: boolean): readonly bigint[] | undefined {
  if (text === '') return [];
  const groups: bigint[] = [];
  const parts = text.split(':');
  for (const [index, part] of parts.entries()) {
    const v4 = tail && index === parts.length - 1 && part.includes('.') ? parseV4(part) : undefined;
    if (v4 !== undefined) groups.push(v4 >> 16n, v4 & 0xffffn);
    else if (/^[0-9a-fA-F]{1,4}$/.test(part)) groups.push(BigInt(`0x${part}`));
    else return undefined;
  }
  return groups;
}

function parseV6(text: string): bigint | undefined {
  const sides = text.split('::');
  if (sides.length > 2) return undefined;
  const left = parseGroups(sides[0] ?? '', sides.length === 1);
  const right = parseGroups(sides[1] ?? '', true);
  if (left === undefined || right === undefined) return undefined;
  const gap = 8 - left.length - right.length;
  if (sides.length === 2 ? gap < 1 : gap !== 0) return undefined;
  const groups = [...left, ...Array<bigint>(gap).fill(0n), ...right];
  return groups.reduce((bits, group) => bits * 65_536n + group, 0n);
}

/**
 * A CIDR block or bare address of either version (RFC 4632, RFC 4291). An IPv4-mapped address is the IPv4
 * address: the same caller must not look different because of how the socket was opened.
 */
export function parseBlock(text: string): Block | undefined {
  const [address = '', length, ...more] = text.split('/');
  if (more.length > 0 || (length !== undefined && !/^(?:0|[1-9]\d{0,2})$/.test(length))) return undefined;
  const v4 = parseV4(address);
  const v6 = v4 === undefined ? parseV6(address) : undefined;
  const bits = v4 ?? v6;
  if (bits === undefined) return undefined;
  const width = v4 === undefined ? 128 : 32;
  const prefix = Number(length ?? width);
  if (prefix > width) return undefined;
  if (v6 !== undefined && v6 >> 32n === 0xffffn && prefix >= 96) {
    return { version: 4, bits: v6 & 0xffff_ffffn, prefix: prefix - 96 };
  }
  return { version: v4 === undefined ? 6 : 4, bits, prefix };
}

/** An address, which unlike a block has no length. */
export function parseAddress(text: string): Block | undefined {
  return text.includes('/') ? undefined : parseBlock(text);
}

/** Whether an address lies in a network; undefined if either is unreadable. */
export function isInBlock(block: string, address: string): boolean | undefined {
  const [network, host] = [parseBlock(block), parseAddress(address)];
  return network === undefined || host === undefined ? undefined : isInNetwork(network, host);
}

/** Whether an address lies in a network (policy-language §7, IpAddress). */
export function isInNetwork(network: Block, host: Block): boolean {
  if (network.version !== host.version) return false;
  const shift = BigInt((network.version === 4 ? 32 : 128) - network.prefix);
  return network.bits >> shift === host.bits >> shift;
}
