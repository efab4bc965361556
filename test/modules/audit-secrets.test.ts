import { createHash } from 'node:crypto';

import { presign, formatAmzDate } from '../../src/domain/sigv4.js';
import { Secret } from '../../src/domain/secret.js';
import { canonicalJson, type Json } from '../../src/domain/audit-seal.js';
import { MASTER_KEY, TestApp, type AuditEvent, type Keys } from '../support/app.js';
import { eventName } from '../../src/audit/record.js';
import { operationOf } from '../support/calls.js';
import { everything, type Tour } from '../support/everything.js';
import { allows, trusts, World } from '../support/world.js';

let app: TestApp;
let tour: Tour;
let events: AuditEvent[];

/** Requests that go wrong in ways that might show a secret to the log. */
async function mistakes(secrets: Map<string, string>): Promise<void> {
  const world = new World(app);
  const user = await world.user('careless');
  const session = await world.session(user, await world.role('trusting', trusts(user.arn)));
  for (const keys of [user, session]) secrets.set(keys.secretAccessKey, 'the secret of somebody careless');
  secrets.set(session.sessionToken ?? '', 'the token of somebody careless');
  const wrong: Keys[] = [
    { ...user, secretAccessKey: 'not the secret of careless' },
    { ...session, secretAccessKey: 'not the secret of the session' },
    { ...session, accessKeyId: user.accessKeyId },
    { ...session, sessionToken: `${(session.sessionToken ?? '').slice(0, -1)}_` },
  ];
  for (const keys of wrong) await app.query(keys, { Action: 'GetCallerIdentity', Version: '2011-06-15' });
  const form = { Action: 'GetCallerIdentity', Version: '2011-06-15', SecretAccessKey: user.secretAccessKey, SessionToken: session.sessionToken ?? '' };
  await app.query(session, form);
  await app.rest(session, 'POST /v1/users', { userName: 'x', secretAccessKey: user.secretAccessKey });
  for (const secret of [session.secretAccessKey, 'not the secret']) await presigned({ ...session, secretAccessKey: secret });
  await app.send({ method: 'POST', headers: { authorization: `AWS4-HMAC-SHA256 Credential=${user.accessKeyId}, Signature=broken, Secret=${user.secretAccessKey}` } });
}

/** Passwords that are wrong, too simple, too long or in the wrong place. */
async function mistypedPasswords(secrets: Map<string, string>): Promise<void> {
  const user = await new World(app).user('forgetful', allows('iam:*'));
  const typed = ['Mistyped-password-1', 'mistyped', `Mistyped-${'x'.repeat(128)}`, 'Mistyped-\u20ac-password'];
  for (const password of typed) secrets.set(password, 'a mistyped password');
  const attempts: [string, Record<string, string>][] = typed.flatMap((Password) => [
    ['CreateLoginProfile', { UserName: 'forgetful', Password }],
    ['CreateLoginProfile', { UserName: 'nobody', Password }],
    ['UpdateLoginProfile', { UserName: 'forgetful', Password }],
    ['ChangePassword', { OldPassword: Password, NewPassword: Password }],
    ['ChangePassword', { OldPassword: Password, NewPassword: 'Another-password-2', Password }],
    ['UpdateAccountPasswordPolicy', { MinimumPasswordLength: '5', Password }],
  ]);
  for (const [Action, form] of attempts) await app.query(user, { Action, Version: '2010-05-08', ...form });
  for (const password of typed) await app.rest(user, 'POST /v1/login-profile', { userName: 'forgetful', passwrd: password });
}

async function presigned(keys: Keys): Promise<void> {
  const query = presign(
    { method: 'GET', path: '/', query: 'Action=GetCallerIdentity&Version=2011-06-15', headers: [['host', new URL(app.url).host]], bodySha256: createHash('sha256').update('').digest('hex') },
    { accessKeyId: keys.accessKeyId, secret: Secret.of(keys.secretAccessKey), region: 'us-east-1', service: 'sts', amzDate: formatAmzDate(app.clock.now().getTime()), securityToken: keys.sessionToken ?? '' },
  );
  await app.send({ path: `/?${query}` });
}

/** A secret in the forms in which it might be written somewhere. */
function spellings(secret: string): string[] {
  const bytes = Buffer.from(secret);
  return [secret, encodeURIComponent(secret), JSON.stringify(secret).slice(1, -1), bytes.toString('base64').replace(/=+$/, ''), bytes.toString('hex')];
}

beforeAll(async () => {
  app = await TestApp.boot();
  tour = await everything(app);
  await mistakes(tour.secrets as Map<string, string>);
  await mistypedPasswords(tour.secrets as Map<string, string>);
  events = await app.events();
});
afterAll(() => app.close());

describe('every event of a tour through all operations', () => {
  it('is there, allowed and refused', () => {
    for (const operation of tour.called) {
      const outcomes = new Set(events.filter((event) => event.event_name === eventName(operationOf(app, operation))).map((event) => event.outcome));
      // What is always allowed to everybody is never refused.
      expect([operation, [...outcomes].sort()]).toEqual([operation, operation === 'GetCallerIdentity' ? ['success'] : ['refused', 'success']]);
    }
  });

  it('has the SHA-256 of its record as its digest, and the record is canonical', () => {
    for (const { text, digest, record } of events) {
      expect(createHash('sha256').update(text).digest('hex')).toBe(digest.toString('hex'));
      expect(canonicalJson(record as Json)).toBe(text);
    }
  });

  it('has an id of its own and its request’s id', () => {
    expect(new Set(events.map((event) => event.record['eventID'])).size).toBe(events.length);
    for (const { record, request_id } of events) expect(record['requestID']).toBe(request_id);
  });
});

describe('no secret', () => {
  const gathered: [where: string, gather: () => Promise<string>][] = [
    ['in any column of any event', async () => JSON.stringify(await app.sql(`SELECT to_jsonb(e)::text AS row FROM audit_event e`))],
    ['in any log line', () => Promise.resolve(app.lines.join(''))],
    ['in any metric', async () => (await app.send({ path: '/metrics' })).text],
    ['in any row of any session', async () => JSON.stringify(await app.sql('SELECT to_jsonb(s)::text AS row FROM session s'))],
    ['in any identity provider or its private keys at rest', async () => JSON.stringify(await app.sql('SELECT to_jsonb(p)::text AS row FROM saml_provider p UNION ALL SELECT to_jsonb(k)::text FROM saml_private_key k'))],
    ['in any login profile at rest', async () => JSON.stringify(await app.sql('SELECT to_jsonb(p)::text AS row FROM login_profile p'))],
    ['in any MFA device at rest', async () => JSON.stringify(await app.sql('SELECT to_jsonb(d)::text AS row FROM mfa_device d UNION ALL SELECT to_jsonb(t)::text FROM mfa_throttle t'))],
    ['in any recovery code at rest', async () => JSON.stringify(await app.sql('SELECT to_jsonb(c)::text AS row FROM recovery_codes c'))],
    ['in any access key or ring key at rest', async () => JSON.stringify(await app.sql('SELECT to_jsonb(k)::text AS row FROM access_key k UNION ALL SELECT to_jsonb(r)::text FROM ring_key r'))],
  ];

  it.each(gathered)('is %s', async (_, gather) => {
    const text = await gather();
    expect(text.length).toBeGreaterThan(100);
    expect(tour.secrets.size).toBeGreaterThan(100);
    const found = [...tour.secrets, [MASTER_KEY, 'the master key'] as const].filter(([secret]) => spellings(secret).some((spelling) => text.includes(spelling)));
    expect(found.map(([, what]) => what)).toEqual([]);
  });
});
