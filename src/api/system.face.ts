import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

import { Controller, Get, Inject, Param, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';

import type { Config } from '../kernel/config.js';
import { Database } from '../kernel/database.js';
import { CONFIG } from '../kernel/kernel.js';
import { Metrics } from '../kernel/metrics.js';
import { openapi } from './openapi.js';
import { Draining } from './draining.js';
import { Operations } from './registry.js';

/** Files of the documentation page, and how they are served; nothing is loaded from other hosts. */
const ASSETS: ReadonlyMap<string, { readonly file: string; readonly type: string }> = new Map([
  ['swagger-ui.css', { file: 'swagger-ui.css', type: 'text/css; charset=utf-8' }],
  ['swagger-ui-bundle.js', { file: 'swagger-ui-bundle.js', type: 'text/javascript; charset=utf-8' }],
]);

const PAGE = `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Stint API</title><link rel="stylesheet" href="/docs/swagger-ui.css"></head>
<body><div id="api"></div><script src="/docs/swagger-ui-bundle.js"></script><script src="/docs/start.js"></script></body>
</html>
`;
// Requests are signed, which a browser page cannot do: the page is for reading.
const START = `SwaggerUIBundle({ url: '/v1/openapi.json', dom_id: '#api', deepLinking: true, supportedSubmitMethods: [], validatorUrl: null });\n`;
const POLICY = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** What is served without a signature: health, metrics, and the description of the API. */
@Controller()
export class SystemFace {
  readonly #assets = new Map<string, Buffer>();
  #document: string | undefined;

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly database: Database,
    private readonly metrics: Metrics,
    private readonly operations: Operations,
    private readonly draining: Draining,
  ) {}

  /** The process runs. */
  @Get('livez')
  live(@Res() reply: FastifyReply): void {
    send(reply, 'application/json', '{"status":"alive"}');
  }

  /** The process can serve: the database answers, every migration has run, and it is not shutting down. */
  @Get('readyz')
  async ready(@Res() reply: FastifyReply): Promise<void> {
    const database = await this.database.ready();
    const status = this.draining.begun ? 'shutting down' : database;
    send(reply.code(status === 'ready' ? 200 : 503), 'application/json', JSON.stringify({ status, database }));
  }

  @Get('metrics')
  async exposition(@Res() reply: FastifyReply): Promise<void> {
    const { type, body } = await this.metrics.text();
    send(reply, type, body);
  }

  @Get('v1/openapi.json')
  description(@Res() reply: FastifyReply): void {
    this.#document ??= JSON.stringify(openapi(this.operations.all, this.config.publicUrl ?? '/'), null, 2);
    send(reply, 'application/json', this.#document);
  }

  @Get('docs')
  page(@Res() reply: FastifyReply): void {
    send(reply, 'text/html; charset=utf-8', PAGE);
  }

  @Get('docs/:file')
  asset(@Param('file') file: string, @Res() reply: FastifyReply): void {
    const asset = ASSETS.get(file);
    if (file === 'start.js') send(reply, 'text/javascript; charset=utf-8', START);
    else if (asset === undefined) send(reply.code(404), 'text/plain; charset=utf-8', 'Not found.\n');
    else send(reply.header('cache-control', 'public, max-age=3600'), asset.type, this.#asset(asset.file));
  }

  #asset(file: string): Buffer {
    let bytes = this.#assets.get(file);
    if (bytes === undefined) {
      const folder = path.dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'));
      bytes = readFileSync(path.join(folder, file));
      this.#assets.set(file, bytes);
    }
    return bytes;
  }
}

function send(reply: FastifyReply, type: string, body: string | Buffer): void {
  void reply.header('content-type', type).header('content-security-policy', POLICY).header('x-content-type-options', 'nosniff').send(body);
}
