import { createHmac } from 'node:crypto';

/** RFC 4226 and RFC 6238, written from their text: what the program's own arithmetic is held against. */
export function hotp(key: Uint8Array, counter: number, digits = 6): string {
  const message = Buffer.alloc(8);
  message.writeBigUInt64BE(BigInt(counter));
  const mac = createHmac('sha1', key).update(message).digest();
  const offset = (mac.at(-1) ?? 0) & 0xf;
  const number = mac.readUInt32BE(offset) & 0x7fffffff;
  return String(number % 10 ** digits).padStart(digits, '0');
}

/** What an authenticator shows at a time, whose clock may be some seconds ahead. */
export function totp(key: Uint8Array, at: Date, ahead = 0): string {
  return hotp(key, Math.floor((at.getTime() / 1000 + ahead) / 30));
}

/** The bytes of a text in Base32 (RFC 4648). */
export function fromBase32(text: string): Buffer {
  let bits = '';
  for (const character of text) bits += 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(character).toString(2).padStart(5, '0');
  return Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)));
}
