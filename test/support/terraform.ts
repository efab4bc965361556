import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { copyFile, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { until } from './outage.js';
import { Child, repository } from './program.js';

/** How long one command may take: many times what it takes on a slow machine. */
const LIMIT_MS = 240_000;
/** How long looking for the provider may take before it counts as not to be had. */
const LOOKING_MS = 60_000;
const EXAMPLE = join(repository, 'examples', 'terraform');

/** A managed resource of the state: its address, and its attributes. */
export interface Resource {
  readonly address: string;
  readonly type: string;
  readonly values: Readonly<Record<string, unknown>>;
}

/** What a plan would do, by address; data sources are left out. */
export type Planned = ReadonlyMap<string, { readonly type: string; readonly actions: readonly string[]; readonly imported: boolean }>;

interface Shown {
  readonly values?: { readonly root_module: { readonly resources?: readonly (Resource & { readonly mode: string })[] } };
  readonly resource_changes?: readonly { readonly address: string; readonly mode: string; readonly type: string; readonly change: { readonly actions: string[]; readonly importing?: object } }[];
}

/**
 * Settings with which Terraform finds its providers: in the mirror that TF_PLUGIN_MIRROR names, or as it is set up on
 * this machine. Nothing is told to anybody.
 */
function settings(folder: string): Record<string, string> {
  const mirror = process.env['TF_PLUGIN_MIRROR'];
  const common = { CHECKPOINT_DISABLE: '1', TF_IN_AUTOMATION: '1', TF_INPUT: '0', TF_CLI_ARGS: '-no-color' };
  if (mirror === undefined || mirror === '') return common;
  const file = join(folder, 'terraform.rc');
  writeFileSync(file, `provider_installation {\n  filesystem_mirror {\n    path = ${JSON.stringify(mirror)}\n  }\n}\n`);
  return { ...common, TF_CLI_CONFIG_FILE: file };
}

/** Why the example cannot be run here; undefined where it can. Nothing is left behind. */
export function whyNoTerraform(): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'stint-terraform-'));
  const run = (args: readonly string[]): void => {
    execFileSync('terraform', args, { cwd: folder, env: { ...process.env, ...settings(folder) }, stdio: 'ignore', timeout: LOOKING_MS, killSignal: 'SIGKILL' });
  };
  try {
    run(['version']);
  } catch {
    rmSync(folder, { recursive: true, force: true });
    return 'there is no Terraform';
  }
  try {
    writeFileSync(join(folder, 'versions.tf'), 'terraform {\n  required_providers {\n    aws = { source = "hashicorp/aws", version = "~> 5.100" }\n  }\n}\n');
    run(['init', '-backend=false']);
    return undefined;
  } catch {
    return 'Terraform does not find the AWS provider (TF_PLUGIN_MIRROR may name a folder that has it)';
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The example in a temporary folder, with its state, its plugins and everything else. */
export class Terraform {
  private constructor(
    private readonly folder: string,
    private readonly env: Readonly<Record<string, string>>,
  ) {}

  /** Copies the example and prepares it; `env` is what its commands see beside the settings of Terraform itself. */
  static async prepared(env: Readonly<Record<string, string>>): Promise<Terraform> {
    const folder = await mkdtemp(join(tmpdir(), 'stint-terraform-'));
    for (const file of await readdir(EXAMPLE)) if (/\.(?:tf|xml)$/.test(file)) await copyFile(join(EXAMPLE, file), join(folder, file));
    const found = settings(folder);
    const terraform = new Terraform(folder, { ...found, ...env });
    // Only here does it look around on the machine: for mirrors, or for a way to the registry.
    const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('TF_CLI_ARGS'));
    await terraform.#run(['init'], { ...(Object.fromEntries(inherited) as Record<string, string>), ...found });
    return terraform;
  }

  /** Removes the folder. */
  async remove(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }

  /** Writes a file beside the configuration. */
  async write(name: string, text: string): Promise<void> {
    await writeFile(join(this.folder, name), text);
  }

  /** Removes such a file. */
  async unwrite(name: string): Promise<void> {
    await rm(join(this.folder, name));
  }

  /** Plans, and says what would be done. */
  async plan(): Promise<Planned> {
    await this.#run(['plan', '-out=planned']);
    const { resource_changes: changes = [] } = await this.#shown(['planned']);
    return new Map(changes.filter(({ mode }) => mode === 'managed').map(({ address, type, change }) => [address, { type, actions: change.actions, imported: change.importing !== undefined }]));
  }

  /** Does what was planned. */
  async applyPlanned(): Promise<void> {
    await this.#run(['apply', 'planned']);
  }

  /** Plans and applies. */
  async apply(): Promise<void> {
    await this.#run(['apply', '-auto-approve']);
  }

  /** Fails unless there is nothing to change, outputs included. */
  async expectNoChanges(): Promise<void> {
    await this.#run(['plan', '-detailed-exitcode']);
  }

  /** Forgets resources without touching them. */
  async forget(addresses: readonly string[]): Promise<void> {
    await this.#run(['state', 'rm', ...addresses]);
  }

  async destroy(): Promise<void> {
    await this.#run(['destroy', '-auto-approve']);
  }

  /** Every managed resource there is. */
  async resources(): Promise<Resource[]> {
    const { values } = await this.#shown([]);
    return (values?.root_module.resources ?? []).filter(({ mode }) => mode === 'managed');
  }

  async outputs(): Promise<Record<string, unknown>> {
    const outputs = JSON.parse(await this.#run(['output', '-json'])) as Record<string, { value: unknown }>;
    return Object.fromEntries(Object.entries(outputs).map(([name, { value }]) => [name, value]));
  }

  async #shown(args: readonly string[]): Promise<Shown> {
    return JSON.parse(await this.#run(['show', '-json', ...args])) as Shown;
  }

  /** Runs one command; neither it nor a plugin of its outlives this. Fails unless it ends with success in time. */
  async #run(args: readonly string[], env: Readonly<Record<string, string>> = this.env): Promise<string> {
    const child = new Child({ file: 'terraform', args, cwd: this.folder, env: { HOME: this.folder, ...env }, ownGroup: true });
    const { pid } = child;
    const timer = setTimeout(() => endGroup(pid), LIMIT_MS);
    try {
      const { code, signal } = await child.ended;
      const said = [...child.out, ...child.err].slice(-80).join('\n');
      if (code !== 0) throw new Error(`terraform ${args.join(' ')} ended with ${signal ?? String(code)}:\n${said}`);
      await until('all of its processes are gone', () => !endGroup(pid));
      return child.out.join('\n');
    } finally {
      clearTimeout(timer);
      endGroup(pid);
    }
  }
}

/** Ends all processes of a group at once; false where there were none. */
function endGroup(leader: number): boolean {
  try {
    process.kill(-leader, 'SIGKILL');
    return true;
  } catch {
    return false;
  }
}
