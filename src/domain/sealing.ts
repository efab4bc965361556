import { NONCE_BYTES, TAG_BYTES, type SealingKey } from './aead.js';

/** A sealing key and its number in the ring. */
export interface RingKey {
  /** 0 to 2³² − 1; written in the clear into everything that is sealed. */
  readonly id: number;
  readonly key: SealingKey;
}

/** The keys that things are sealed with: one for new ones, and those that are still accepted. */
export interface KeyRing {
  readonly current: RingKey;
  byId(id: number): RingKey | undefined;
}

const VERSION = 1;
const HEADER_BYTES = 5;

/** By how many bytes sealing lengthens a text. */
export const SEALING_OVERHEAD_BYTES = HEADER_BYTES + NONCE_BYTES + TAG_BYTES;

/** What is sealed, and the label that it opens with: what it is, and what it belongs to. */
export interface Unsealed {
  readonly plaintext: Uint8Array;
  readonly label: string;
}

/** A version byte, the key's number, a nonce of 24 bytes that was never used before, and XAES-256-GCM ciphertext (C2SP). */
export function seal(ring: KeyRing, { plaintext, label }: Unsealed, nonce: Uint8Array): Buffer {
  const { id, key } = ring.current;
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt8(VERSION, 0);
  header.writeUInt32BE(id, 1);
  return Buffer.concat([header, nonce, key.seal(nonce, plaintext, boundTo(header, label))]);
}

/** What was sealed; or the number of a key the ring does not hold; or undefined for anything changed, or of another label. */
export function unseal(ring: KeyRing, bytes: Buffer, label: string): Buffer | { readonly unknownKey: number } | undefined {
  if (bytes.length < SEALING_OVERHEAD_BYTES || bytes[0] !== VERSION) return undefined;
  const id = bytes.readUInt32BE(1);
  const ringKey = ring.byId(id);
  if (ringKey === undefined) return { unknownKey: id };
  const header = bytes.subarray(0, HEADER_BYTES);
  const nonce = bytes.subarray(HEADER_BYTES, HEADER_BYTES + NONCE_BYTES);
  return ringKey.key.open(nonce, bytes.subarray(HEADER_BYTES + NONCE_BYTES), boundTo(header, label));
}

/** The label keeps what is sealed apart from anything else that may ever be sealed with a key of the ring. */
function boundTo(header: Uint8Array, label: string): Buffer {
  return Buffer.concat([header, Buffer.from(label)]);
}
