import { Catch, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';

import { ApiError } from '../domain/errors.js';
import { Exchange } from './exchange.js';
import { OAuthFace } from './oauth.face.js';
import { QueryFace } from './query.face.js';
import { RestFace } from './rest.face.js';

/** What went wrong before or beside a face – a body that is too large, a route nobody has – in the words of the face. */
@Catch()
export class Faults implements ExceptionFilter {
  constructor(
    private readonly exchange: Exchange,
    private readonly query: QueryFace,
    private readonly rest: RestFace,
    private readonly oauth: OAuthFace,
  ) {}

  catch(thrown: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    const reply = http.getResponse<FastifyReply>();
    this.answer(thrown, request, reply);
  }

  /** Answers in the form that the request's path asks for. */
  answer(thrown: unknown, request: FastifyRequest, reply: FastifyReply): void {
    const error = faultOf(thrown);
    const [path = '/'] = (request.raw.url ?? '/').split('?');
    if (path.startsWith('/oauth2/')) {
      this.oauth.fail(this.exchange.open(request, 'oauth'), { reply, error });
      return;
    }
    const isQuery = path === '/';
    const opened = this.exchange.open(request, isQuery ? 'query' : 'rest');
    if (isQuery) this.query.fail(opened, { request, reply, error });
    else this.rest.fail(opened, { reply, error });
  }
}

function faultOf(thrown: unknown): unknown {
  const status = statusOf(thrown);
  if (status === 413) return new ApiError('RequestEntityTooLarge', 'The request body is larger than this service accepts.');
  if (status === 404) return new ApiError('NotFound', 'No such route; /v1/openapi.json lists them all.');
  if (status === 408) return new ApiError('RequestTimeout', 'The request did not arrive completely in time.');
  if (status === 415) return new ApiError('UnsupportedMediaType', 'The body is not in the format of this face.');
  if (status !== undefined && status >= 400 && status < 500) return new ApiError('ValidationError', 'The request is not valid HTTP for this service.', { cause: thrown });
  return thrown;
}

function statusOf(thrown: unknown): number | undefined {
  const known = thrown as { statusCode?: unknown; getStatus?: () => number } | undefined;
  if (typeof known?.statusCode === 'number') return known.statusCode;
  return typeof known?.getStatus === 'function' ? known.getStatus() : undefined;
}
