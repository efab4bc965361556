import { hash } from 'node:crypto';

import type { FastifyRequest } from 'fastify';

import type { HttpRequest } from '../domain/sigv4.js';
import type { Source } from '../kernel/handler.js';

/** A request as it arrived: the bytes that were signed, where it came from, and when. */
export interface Incoming {
  readonly requestId: string;
  readonly now: Date;
  readonly http: HttpRequest;
  readonly body: Buffer;
  readonly source: Omit<Source, 'region'>;
}

const EMPTY = Buffer.alloc(0);

/** Takes what is needed from Fastify's request; header lines stay apart and in order, as SigV4 needs them. */
export function readIncoming(request: FastifyRequest, moment: { requestId: string; now: Date }): Incoming {
  const target = request.raw.url ?? '/';
  const mark = target.indexOf('?');
  const body = Buffer.isBuffer(request.body) ? request.body : EMPTY;
  const { rawHeaders } = request.raw;
  const headers: [string, string][] = [];
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) headers.push([rawHeaders[index] ?? '', rawHeaders[index + 1] ?? '']);
  return {
    ...moment,
    body,
    http: {
      method: request.method,
      path: mark < 0 ? target : target.slice(0, mark),
      query: mark < 0 ? '' : target.slice(mark + 1),
      headers,
      bodySha256: hash('sha256', body, 'hex'),
    },
    source: {
      ip: (request.socket.remoteAddress ?? 'unknown').replace(/^::ffff:/, ''),
      userAgent: request.headers['user-agent'],
      secureTransport: false,
    },
  };
}
