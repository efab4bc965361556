import { hash } from 'node:crypto';

import type { FastifyRequest } from 'fastify';

import { originOf, type Origin } from '../domain/client-address.js';
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
export function readIncoming(request: FastifyRequest, moment: { requestId: string; now: Date; trustedProxies: readonly string[] }): Incoming {
  const target = originForm(request.raw.url ?? '/');
  const mark = target.indexOf('?');
  const body = Buffer.isBuffer(request.body) ? request.body : EMPTY;
  const { rawHeaders } = request.raw;
  const headers: [string, string][] = [];
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) headers.push([rawHeaders[index] ?? '', rawHeaders[index + 1] ?? '']);
  return {
    requestId: moment.requestId,
    now: moment.now,
    body,
    http: {
      method: request.method,
      path: mark < 0 ? target : target.slice(0, mark),
      query: mark < 0 ? '' : target.slice(mark + 1),
      headers,
      bodySha256: hash('sha256', body, 'hex'),
    },
    source: {
      ...origin(request, moment.trustedProxies),
      userAgent: request.headers['user-agent'],
    },
  };
}

/** RFC 9112 §3.2.2: a server takes the absolute form of a target too; what is signed and routed is its path. */
function originForm(target: string): string {
  const path = /^https?:\/\/[^/?#]*(.*)$/i.exec(target)?.[1];
  if (path === undefined) return target;
  return path.startsWith('/') ? path : `/${path}`;
}

function origin(request: FastifyRequest, trustedProxies: readonly string[]): Origin {
  const peer = (request.socket.remoteAddress ?? 'unknown').replace(/^::ffff:/, '');
  if (trustedProxies.length === 0) return { ip: peer, secureTransport: false };
  const line = (name: string): string | undefined => [request.headers[name]].flat().join(',') || undefined;
  return originOf({ peer, forwardedFor: line('x-forwarded-for'), forwardedProto: line('x-forwarded-proto') }, trustedProxies);
}
