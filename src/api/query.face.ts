import { All, Controller, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';

import { ApiError } from '../domain/errors.js';
import type { Implementation } from '../kernel/handler.js';
import { Exchange, mentionWarnings, type Opened } from './exchange.js';
import { Executor } from './executor.js';
import { parseForm, shown } from './form.js';
import { decodeForm, encodeJson, encodeJsonError, encodeXml, encodeXmlError } from './query.codec.js';
import { Operations } from './registry.js';

const FORM = /^application\/x-www-form-urlencoded\s*(?:;|$)/i;

/** The AWS Query face: one path, the operation in `Action`, answers in XML or JSON. */
@Controller()
export class QueryFace {
  constructor(
    private readonly operations: Operations,
    private readonly executor: Executor,
    private readonly exchange: Exchange,
  ) {}

  @All('/')
  async handle(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const opened = this.exchange.open(request, 'query');
    let operation: Implementation | undefined;
    let ignored: readonly string[] = [];
    try {
      const form = readForm(request, opened);
      const chosen = (operation = this.#chosen(form));
      const output = await this.executor.run({
        operation: chosen,
        incoming: opened.incoming,
        service: chosen.contract.aws ?? 'sts',
        regions: this.exchange.regions,
        warn: (warnings) => mentionWarnings(reply, warnings),
        decode: () => {
          const decoded = decodeForm(chosen.contract, form);
          ({ ignored } = decoded);
          return decoded;
        },
      });
      mentionIgnored(reply, ignored);
      const body = wantsJson(request) ? encodeJson(chosen, output, opened.requestId) : encodeXml(chosen, output, opened.requestId);
      this.exchange.send(opened, reply, { status: 200, type: contentType(request), body, operation: chosen });
    } catch (error) {
      mentionIgnored(reply, ignored);
      this.fail(opened, { request, reply, operation, error });
    }
  }

  /** Answers a refusal in the Query envelope. */
  fail(opened: Opened, failed: { request: FastifyRequest; reply: FastifyReply; operation?: Implementation | undefined; error: unknown }): void {
    const error = this.exchange.refusal(opened, failed.error);
    const body = wantsJson(failed.request) ? encodeJsonError(error, opened.requestId) : encodeXmlError(error, failed.operation?.contract.aws, opened.requestId);
    this.exchange.send(opened, failed.reply, { status: error.row.status, type: contentType(failed.request), body, operation: failed.operation, error });
  }

  #chosen(form: ReadonlyMap<string, string>): Implementation {
    const action = form.get('Action');
    if (action === undefined || action === '') throw new ApiError('MissingAction', 'The request must contain the parameter Action.');
    return this.operations.byAction(action, form.get('Version'));
  }
}

function readForm(request: FastifyRequest, { incoming }: Opened): Map<string, string> {
  const { method, query } = incoming.http;
  if (method !== 'POST' && method !== 'GET') throw new ApiError('MethodNotAllowed', 'The AWS Query face takes GET and POST.', { detail: { verbs: ['GET', 'POST'] } });
  const form = parseForm(query);
  if (method === 'GET') return form;
  const type = request.headers['content-type'];
  if (type !== undefined && incoming.body.length > 0 && !FORM.test(type)) {
    throw new ApiError('UnsupportedMediaType', 'The AWS Query face takes application/x-www-form-urlencoded.');
  }
  for (const [name, value] of parseForm(incoming.body)) {
    if (form.has(name)) throw new ApiError('ValidationError', `The parameter ${shown(name)} is given more than once.`);
    form.set(name, value);
  }
  return form;
}

function wantsJson(request: FastifyRequest): boolean {
  return request.headers.accept?.includes('application/json') === true;
}

function contentType(request: FastifyRequest): string {
  return wantsJson(request) ? 'application/json' : 'text/xml';
}

/** Names of parameters nobody knows, for people who wonder why theirs does nothing. */
function mentionIgnored(reply: FastifyReply, ignored: readonly string[]): void {
  if (ignored.length > 0) reply.header('x-stint-ignored-parameters', ignored.slice(0, 20).map(shown).join(', '));
}
