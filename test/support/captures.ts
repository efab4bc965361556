import { hash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { HttpRequest } from '../../src/domain/sigv4.js';

const folder = join('test', 'vectors', 'captures');

/** One recorded request of a real client. */
export interface Capture {
  readonly name: string;
  readonly request: HttpRequest;
  readonly body: string;
}

function parse(name: string): Capture {
  const raw = readFileSync(join(folder, name), 'latin1');
  const end = raw.indexOf('\r\n\r\n');
  const [first = '', ...lines] = raw.slice(0, end).split('\r\n');
  const [method = '', target = ''] = first.split(' ');
  const [path = '', query = ''] = target.split('?');
  const headers = lines.map(line => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon), line.slice(colon + 1).trim()] as const;
  });
  const length = headers.find(([header]) => header.toLowerCase() === 'content-length')?.[1] ?? '0';
  const body = raw.slice(end + 4, end + 4 + Number(length));
  return { name, body, request: { method, path, query, headers, bodySha256: hash('sha256', body) } };
}

/** Every recorded request under test/vectors/captures. */
export function captures(): Capture[] {
  return readdirSync(folder).filter(name => name.endsWith('.http')).sort().map(parse);
}

/** Secret keys of the recorded requests: AWS's documentation examples, and one letter. */
export const captureSecrets = [
  'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
  'wJalrXUtnFEMI/K7MDENG/bPxRfiCYzEXAMPLEKEY',
  's',
];
