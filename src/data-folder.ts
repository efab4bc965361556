import { closeSync, existsSync, fsyncSync, linkSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import type { MasterKey } from './domain/envelope.js';
import type { Bootstrapped } from './identities/bootstrap.js';
import { masterKeyOf, type Config } from './kernel/config.js';
import { SystemRandom } from './kernel/effects.js';
import { StartupError } from './kernel/startup-error.js';

/** What Stint keeps in its data folder, beside the embedded database. */
export class DataFolder {
  constructor(private readonly root: string) {}

  /** Where the embedded database lives. */
  get postgres(): string {
    return path.join(this.root, 'postgres');
  }

  /** The files of an AWS client that signs with the root access key. */
  get aws(): { readonly config: string; readonly credentials: string } {
    const folder = path.join(this.root, 'aws');
    return { config: path.join(folder, 'config'), credentials: path.join(folder, 'credentials') };
  }

  /**
   * The configured master key; with the embedded database one that is generated at the first start.
   * Throws a StartupError where a database exists and its generated key is gone.
   */
  masterKey(config: Config): MasterKey {
    if (config.masterKey !== undefined) return config.masterKey;
    const file = path.join(this.root, 'master.key');
    // Asked first: whoever starts here at the same time writes the key before it makes the database.
    const hasDatabase = existsSync(this.postgres);
    if (!existsSync(file)) {
      if (hasDatabase) {
        throw new StartupError(`The master key ${file} is missing, and without it the database in ${this.postgres} cannot be read: restore the file, or set STINT_MASTER_KEY to its content.`);
      }
      this.#write(file, `${new SystemRandom().bytes(32).toString('base64')}\n`, { replace: false });
    }
    return masterKeyOf(readFileSync(file, 'utf8').trim(), `the master key file ${file}`);
  }

  /** Writes the root access key as an AWS credentials file, readable by its owner only. */
  keepRootKey(key: Bootstrapped): void {
    const lines = ['[default]', `aws_access_key_id = ${key.accessKeyId}`, `aws_secret_access_key = ${key.secretAccessKey.reveal()}`];
    this.#write(this.aws.credentials, `${lines.join('\n')}\n`);
  }

  /** Writes the AWS config file beside the credentials, with the address of this start; false where there are none. */
  keepEndpoint(url: string): boolean {
    if (!existsSync(this.aws.credentials)) return false;
    this.#write(this.aws.config, `[default]\nregion = us-east-1\noutput = json\nendpoint_url = ${url}\n`);
    return true;
  }

  // Written beside and put in place: a crash leaves the old file or the new one, never half of one. Where
  // `replace` is false, of several processes that start at the same time the first decides.
  #write(file: string, text: string, { replace } = { replace: true }): void {
    const folder = path.dirname(file);
    const fresh = `${file}.${String(process.pid)}.new`;
    try {
      makeFolder(this.root, 0o755);
      makeFolder(folder, 0o700);
      rmSync(fresh, { force: true });
      writeFileSync(fresh, text, { mode: 0o600, flag: 'wx', flush: true });
      if (replace) renameSync(fresh, file);
      else linkUnlessThere(fresh, file);
      flushFolder(folder);
    } catch (error) {
      throw new StartupError(`Cannot write ${file}: ${error instanceof Error ? error.message : String(error)}. Set STINT_DATA_DIR to a folder that this user may write.`, { cause: error });
    }
  }
}

// Step by step: where a folder cannot be made at all, such as below /proc, Node's recursive way never comes back.
function makeFolder(folder: string, mode: number): void {
  if (existsSync(folder)) return;
  const parent = path.dirname(folder);
  if (parent !== folder) makeFolder(parent, 0o755);
  try {
    mkdirSync(folder, { mode });
  } catch (error) {
    // Another process that starts here was faster.
    if ((error as { code?: string }).code !== 'EEXIST') throw error;
  }
}

function linkUnlessThere(fresh: string, file: string): void {
  try {
    linkSync(fresh, file);
  } catch (error) {
    if ((error as { code?: string }).code !== 'EEXIST') throw error;
  } finally {
    rmSync(fresh);
  }
}

function flushFolder(folder: string): void {
  const open = openSync(folder, 'r');
  try {
    fsyncSync(open);
  } finally {
    closeSync(open);
  }
}
