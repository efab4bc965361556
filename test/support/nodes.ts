import { type TestApp, type Keys } from './app.js';
import type { Authenticator } from './authenticator.js';

/** What GetSessionToken with a code comes to on a node: `ok`, or what it says. */
export async function tokenOn(node: TestApp, keys: Keys, given: { SerialNumber: string; TokenCode: string }): Promise<string> {
  const { status, text } = await node.query(keys, { Action: 'GetSessionToken', Version: '2011-06-15', ...given });
  return status === 200 ? 'ok' : (/<Message>([^<]*)</.exec(text)?.[1] ?? text);
}

/** How often a device failed in a row, and who holds it, as it is counted. */
export async function counts(app: TestApp, device: Authenticator): Promise<{ device: number; holder: number }> {
  const rows = await app.sql<{ kind: string; failures: number }>(
    `SELECT split_part(t.subject, ':', 1) AS kind, t.failures FROM mfa_throttle t
     JOIN mfa_device d ON t.subject IN ('device:' || d.device_id, 'holder:' || COALESCE(d.user_id, d.account_id)) WHERE d.account_id || d.path || d.device_name = $1`,
    [device.serial.replace(/^arn:aws:iam::(\d+):mfa/, '$1')],
  );
  const of = (kind: string): number => rows.find((row) => row.kind === kind)?.failures ?? 0;
  return { device: of('device'), holder: of('holder') };
}
