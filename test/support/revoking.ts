import type { Keys, TestApp } from './app.js';
import { call, type Called, type Input } from './calls.js';

/** A session as answers show it, its times as epoch seconds. */
export interface Shown extends Record<string, unknown> {
  readonly sessionId: string;
  readonly accessKeyId: string;
  readonly status: string;
}

/** How a credential stands at a node: `alive`, or the code with which it is refused. */
export async function standing(node: TestApp, keys: Keys): Promise<string> {
  return (await call(node, 'query', { operation: 'GetCallerIdentity', keys, input: {} })).code ?? 'alive';
}

/** How several stand. */
export function standings(node: TestApp, ...keys: Keys[]): Promise<string[]> {
  return Promise.all(keys.map((each) => standing(node, each)));
}

/** The id of the session that these keys belong to. */
export async function sessionIdOf(app: TestApp, { accessKeyId }: Keys): Promise<string> {
  const [row] = await app.sql<{ session_id: string }>('SELECT session_id FROM session WHERE access_key_id = $1', [accessKeyId]);
  if (row === undefined) throw new Error(`no session of ${accessKeyId}`);
  return row.session_id;
}

/** Asks for the end of sessions: of one where SessionId is given. */
export function asksToEnd(node: TestApp, input: Input, by: Keys = node.root): Promise<Called> {
  return call(node, 'rest', { operation: 'SessionId' in input ? 'RevokeSession' : 'RevokeSessions', keys: by, input });
}

/** Ends sessions; how many, as the answer says. */
export async function ended(node: TestApp, input: Input, by: Keys = node.root): Promise<number> {
  const { code, output, text } = await asksToEnd(node, input, by);
  if (code !== undefined) throw new Error(`nothing was ended: ${text}`);
  return (output as { revoked: number }).revoked;
}

/** A session as its account, or another one, sees it. */
export async function shown(node: TestApp, keys: Keys, by: Keys = node.root): Promise<Shown> {
  const { output, text } = await call(node, 'rest', { operation: 'GetSession', keys: by, input: { SessionId: await sessionIdOf(node, keys) } });
  if (output === undefined) throw new Error(`it was not shown: ${text}`);
  return (output as { session: Shown }).session;
}

/** The value of a metric without labels. */
export async function metricOf(node: TestApp, name: string): Promise<number> {
  const { text } = await node.send({ path: '/metrics' });
  const value = new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1];
  if (value === undefined) throw new Error(`no metric ${name}`);
  return Number(value.replace('Inf', 'Infinity'));
}
