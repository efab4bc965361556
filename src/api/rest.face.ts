import { All, Controller, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';

import { ApiError } from '../domain/errors.js';
import type { Implementation } from '../kernel/handler.js';
import { Exchange, mentionWarnings, type Opened } from './exchange.js';
import { Executor } from './executor.js';
import { parseForm } from './form.js';
import { Operations } from './registry.js';
import { decodeRest, encodeRest, parseBody, problem, restStatus } from './rest.codec.js';

const JSON_TYPE = /^application\/json\s*(?:;|$)/i;

/** The REST face: routes of the contracts under /v1, JSON both ways, problem details for refusals. */
@Controller()
export class RestFace {
  constructor(
    private readonly operations: Operations,
    private readonly executor: Executor,
    private readonly exchange: Exchange,
  ) {}

  @All('v1/*')
  async handle(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const opened = this.exchange.open(request, 'rest');
    let operation: Implementation | undefined;
    try {
      const { http, body } = opened.incoming;
      const routed = this.operations.byRoute(http.method, http.path);
      operation = routed.operation;
      const output = await this.executor.run({
        operation,
        incoming: opened.incoming,
        service: 'stint',
        regions: this.exchange.regions,
        idempotencyKey: header(request, 'idempotency-key'),
        warn: (warnings) => mentionWarnings(reply, warnings),
        decode: () => {
          requireJson(request, body);
          const raw = decodeRest(routed.operation.contract, { params: routed.params, query: parseForm(http.query), body: parseBody(body) });
          return { raw, ignored: [] };
        },
      });
      const shown = JSON.stringify(encodeRest(operation.contract.output, output));
      this.exchange.send(opened, reply, { status: 200, type: 'application/json', body: shown, operation });
    } catch (error) {
      this.fail(opened, { reply, operation, error });
    }
  }

  /** Answers a refusal as problem details. */
  fail(opened: Opened, failed: { reply: FastifyReply; operation?: Implementation | undefined; error: unknown }): void {
    const error = this.exchange.refusal(opened, failed.error);
    this.exchange.send(opened, failed.reply, {
      status: restStatus(error),
      type: 'application/problem+json',
      body: problem(error, opened.requestId),
      operation: failed.operation,
      error,
    });
  }
}

function header(request: FastifyRequest, name: string): string | undefined {
  const value = request.headers[name];
  return value === undefined ? undefined : [value].flat().join(', ');
}

function requireJson(request: FastifyRequest, body: Buffer): void {
  if (body.length > 0 && !JSON_TYPE.test(request.headers['content-type'] ?? '')) {
    throw new ApiError('UnsupportedMediaType', 'The body must be sent as application/json.');
  }
}
