import { timingSafeEqual, hash } from 'node:crypto';
import { inspect } from 'node:util';

/** A secret text that prints as `[secret]` everywhere; only `reveal()` shows it. */
export class Secret {
  readonly #text: string;

  private constructor(text: string) {
    this.#text = text;
  }

  /** Wraps a secret at the moment it comes into being. */
  static of(text: string): Secret {
    return new Secret(text);
  }

  /** The secret itself: for signing, for sealing, and for the one answer that shows it. */
  reveal(): string {
    return this.#text;
  }

  toString(): string {
    return '[secret]';
  }

  toJSON(): string {
    return '[secret]';
  }

  [inspect.custom](): string {
    return '[secret]';
  }
}

/**
 * Compares two secret texts in a time that depends on neither: both are hashed first, so that lengths do
 * not matter to `timingSafeEqual`. The only comparison of secrets in the code base.
 */
export function sameSecret(a: string, b: string): boolean {
  return timingSafeEqual(hash('sha256', a, 'buffer'), hash('sha256', b, 'buffer'));
}
