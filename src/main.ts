import { start, type Running } from './app.js';
import { DataFolder } from './data-folder.js';
import { loadConfig, type Config } from './kernel/config.js';
import { addressUrl, EmbeddedPostgres } from './kernel/embedded-postgres.js';
import { StartupError } from './kernel/startup-error.js';

const folderOf = (config: Config): DataFolder => new DataFolder(config.dataDir);

async function main(): Promise<void> {
  const config = loadConfig();
  const folder = folderOf(config);
  const masterKey = folder.masterKey(config);
  const postgres = config.databaseUrl === undefined ? await EmbeddedPostgres.start({ dir: folder.postgres }) : undefined;
  const databaseUrl = config.databaseUrl?.reveal() ?? (postgres === undefined ? '' : addressUrl(postgres.address, 'postgres'));
  let running: Running;
  try {
    running = await start(config, {
      databaseUrl,
      masterKey,
      keepRootKey: (key) => {
        folder.keepRootKey(key);
      },
    });
  } catch (error) {
    await postgres?.stop();
    throw error;
  }
  stopOnSignals(running, postgres);
  greet(running, config, folder);
}

/** Ctrl-C and SIGTERM drain and stop everything; a second one does not wait. */
function stopOnSignals(running: Running, postgres: EmbeddedPostgres | undefined): void {
  let stopping = false;
  const stop = async (why: string, exitCode: number): Promise<void> => {
    if (stopping) return;
    stopping = true;
    running.kernel.log.info({ why }, 'stopping');
    process.exitCode = exitCode;
    await running.close();
    await postgres?.stop();
    running.kernel.log.info('stopped');
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (stopping) process.exit(1);
      stop(signal, 0).then(() => process.exit(), fail);
    });
  }
  void postgres?.exited.then(() => {
    if (!stopping) stop('the embedded database has stopped', 1).then(() => process.exit(), fail);
  });
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
    `REST API: ${url}/docs`,
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

main().catch(fail);
