/** A JSON number as it was written; policies compare texts, and a double would lose digits. */
export class JsonNumber {
  constructor(readonly text: string) {}
}

/** A JSON object; a Map, so that a member called `__proto__` or `constructor` is a member like any other. */
export type JsonObject = ReadonlyMap<string, Json>;

/** A JSON value (RFC 8259) as policies need it: numbers keep their text, objects are Maps. */
export type Json = string | boolean | null | JsonNumber | readonly Json[] | JsonObject;

/** Whether a value is a JSON object. */
export function isObject(value: Json | undefined): value is JsonObject {
  return value instanceof Map;
}

/** Whether a value is a JSON array. */
export function isArray(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value);
}

// The policy grammar nests seven deep; anything deeper is not a policy, and recursion stays bounded.
const maxDepth = 16;

/**
 * Reads one JSON text strictly (RFC 8259). Answers undefined, never throws, for anything that is not JSON,
 * nests too deeply or repeats a key within one object: two readers must not see two different policies.
 */
export function readJson(text: string): Json | undefined {
  try {
    return new JsonReader(text).document();
  } catch {
    return undefined;
  }
}

const numberPattern = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const words: ReadonlyMap<string, boolean | null> = new Map<string, boolean | null>([
  ['true', true],
  ['false', false],
  ['null', null],
]);

class JsonReader {
  private at = 0;

  constructor(private readonly text: string) {}

  document(): Json {
    const value = this.value(0);
    if (this.peek() !== undefined) throw new SyntaxError('not JSON');
    return value;
  }

  private value(depth: number): Json {
    if (depth > maxDepth) throw new SyntaxError('not JSON');
    switch (this.peek()) {
      case '{':
        return this.object(depth);
      case '[':
        return this.array(depth);
      case '"':
        return this.string();
      default:
        return this.wordOrNumber();
    }
  }

  private object(depth: number): JsonObject {
    const members = new Map<string, Json>();
    this.at += 1;
    if (this.skip('}')) return members;
    do {
      if (this.peek() !== '"') throw new SyntaxError('not JSON');
      const key = this.string();
      if (members.has(key) || !this.skip(':')) throw new SyntaxError('not JSON');
      members.set(key, this.value(depth + 1));
    } while (this.skip(','));
    if (!this.skip('}')) throw new SyntaxError('not JSON');
    return members;
  }

  private array(depth: number): readonly Json[] {
    const items: Json[] = [];
    this.at += 1;
    if (this.skip(']')) return items;
    do items.push(this.value(depth + 1));
    while (this.skip(','));
    if (!this.skip(']')) throw new SyntaxError('not JSON');
    return items;
  }

  private string(): string {
    let end = this.at + 1;
    while (end < this.text.length && this.text[end] !== '"') end += this.text[end] === '\\' ? 2 : 1;
    const lexeme = this.text.slice(this.at, end + 1);
    this.at = end + 1;
    // One string lexeme is left to the platform, which is strict about escapes and control characters.
    return JSON.parse(lexeme) as string;
  }

  private wordOrNumber(): boolean | null | JsonNumber {
    for (const [word, value] of words) {
      if (!this.text.startsWith(word, this.at)) continue;
      this.at += word.length;
      return value;
    }
    numberPattern.lastIndex = this.at;
    const lexeme = numberPattern.exec(this.text)?.[0];
    if (lexeme === undefined) throw new SyntaxError('not JSON');
    this.at += lexeme.length;
    return new JsonNumber(lexeme);
  }

  private peek(): string | undefined {
    while (' \t\n\r'.includes(this.text[this.at] ?? '.')) this.at += 1;
    return this.text[this.at];
  }

  private skip(character: string): boolean {
    if (this.peek() !== character) return false;
    this.at += 1;
    return true;
  }
}
