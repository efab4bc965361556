import { start, type Running } from './app.js';
import { DataFolder } from './data-folder.js';
import type { Bootstrapped } from './identities/bootstrap.js';
import { loadConfig, type Config } from './kernel/config.js';
import { addressUrl, EmbeddedPostgres, type PostgresExit } from './kernel/embedded-postgres.js';
import { StartupError } from './kernel/startup-error.js';

/** Within this time a second signal is the same wish: npm hands Ctrl-C on although the terminal has sent it already. */
const SAME_WISH_MS = 1_000;

/** What has been started, and how it ends: the last first, once, whoever asks. */
class Lifetime {
  readonly #ends: (() => Promise<void>)[] = [];
  #ending: Promise<void> | undefined;
  #endingSince = Infinity;

  /** Waits until a thing has started. One that is still starting when the end begins is ended as soon as it can be. */
  async begin<T>(starting: Promise<T>, end: (thing: T) => Promise<void>): Promise<T> {
    this.#ends.unshift(async () => {
      const outcome = await Promise.allSettled([starting]);
      for (const started of outcome) if (started.status === 'fulfilled') await end(started.value);
    });
    return starting;
  }

  get hasEnded(): boolean {
    return this.#ending !== undefined;
  }

  end(): Promise<void> {
    this.#ending ??= this.#endAll();
    return this.#ending;
  }

  /** Ctrl-C and SIGTERM end everything in order; whoever asks again later does not want to wait. */
  endOnSignals(): void {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.on(signal, () => {
        if (this.hasEnded) {
          if (performance.now() - this.#endingSince > SAME_WISH_MS) process.exit(1);
          return;
        }
        this.end().then(() => process.exit(0), fail);
      });
    }
  }

  async #endAll(): Promise<void> {
    this.#endingSince = performance.now();
    for (const end of this.#ends) await end();
  }
}

async function main(lifetime: Lifetime): Promise<void> {
  const config = loadConfig();
  lifetime.endOnSignals();
  const folder = new DataFolder(config.dataDir);
  const masterKey = folder.masterKey(config);
  const postgres =
    config.databaseUrl === undefined ? await lifetime.begin(EmbeddedPostgres.start({ dir: folder.postgres }), (started) => started.stop()) : undefined;
  const databaseUrl = config.databaseUrl?.reveal() ?? (postgres === undefined ? '' : addressUrl(postgres.address, 'postgres'));
  if (lifetime.hasEnded) return;
  const keepRootKey = (key: Bootstrapped): void => {
    folder.keepRootKey(key);
  };
  const running = await lifetime.begin(start(config, { databaseUrl, masterKey, keepRootKey }), close);
  void postgres?.exited.then((exit) => {
    if (!lifetime.hasEnded) lost(running, exit, lifetime);
  });
  // Also to whoever has asked to end meanwhile: the root access key is shown at no other start.
  greet(running, config, folder);
}

async function close({ kernel, ...running }: Running): Promise<void> {
  kernel.log.info('stopping');
  await running.close();
  kernel.log.info('stopped');
}

/** Without its database Stint can record nothing, hence do nothing: whoever supervises it shall start it again. */
function lost({ kernel }: Running, exit: PostgresExit, lifetime: Lifetime): void {
  const message = 'The embedded database has stopped unexpectedly';
  kernel.log.fatal({ postgres: exit }, message);
  lifetime.end().then(() => fail(new StartupError(`${message} (${exit.signal ?? `exit code ${String(exit.code)}`}): ${exit.lastLines.at(-1) ?? 'it gave no reason'}`)), fail);
}

/** Says how to use the server. To standard error: standard output belongs to the log. */
function greet({ url, bootstrapped }: Running, config: Config, folder: DataFolder): void {
  const endpoint = config.publicUrl ?? url;
  const hasKeys = folder.keepEndpoint(endpoint);
  const lines = [``, `Stint listens on ${url}`];
  if (bootstrapped !== undefined) {
    lines.push(
      ``,
      `This is its first start. The management account is ${bootstrapped.accountId}; its root access key, shown only now:`,
      `  access key id      ${bootstrapped.accessKeyId}`,
      `  secret access key  ${config.bootstrap.secretAccessKey === undefined ? bootstrapped.secretAccessKey.reveal() : '(as configured)'}`,
    );
  }
  const files = hasKeys ? `AWS_CONFIG_FILE=${quoted(folder.aws.config)} AWS_SHARED_CREDENTIALS_FILE=${quoted(folder.aws.credentials)} ` : '';
  lines.push(
    ``,
    hasKeys ? `Try it with the AWS CLI:` : `Try it with the AWS CLI and an access key of this Stint:`,
    `  ${files}aws --endpoint-url ${quoted(endpoint)} sts get-caller-identity`,
    ``,
    `REST API: ${endpoint}/docs`,
    ``,
    ``,
  );
  process.stderr.write(lines.join('\n'));
}

function quoted(text: string): string {
  return /^[\w./:@%+=,-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

/** Start-up mistakes are one clear line; anything else is a bug and shows where it happened. */
function fail(error: unknown): never {
  const text = error instanceof StartupError ? error.message : error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`stint: ${text}\n`);
  process.exit(1);
}

const lifetime = new Lifetime();
main(lifetime).catch((error: unknown) => {
  // A start that failed, perhaps because it was told to end, leaves nothing running.
  const failed = (): never => fail(error);
  lifetime.end().then(failed, failed);
});
