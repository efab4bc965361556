import { createHash } from 'node:crypto';

import { auditDate } from '../../src/audit/record.js';
import { TestApp, type AuditEvent, type Keys } from '../support/app.js';
import { allows, trusts, World, type Role, type User } from '../support/world.js';

const UUID = expect.stringMatching(/^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/);
const STS = { Version: '2011-06-15' };
const IAM = { Version: '2010-05-08' };

let app: TestApp;
let world: World;
let account: string;
let bob: User;
let deploy: Role;

const trustsEc2 = JSON.stringify(trusts({ Service: 'ec2.amazonaws.com' }));

/** The one event of a call. */
async function eventOf(keys: Keys, form: Record<string, string>, more: { region?: string } = {}): Promise<AuditEvent> {
  const events = await app.recordedBy(() => app.query(keys, form, { ...more, headers: { 'user-agent': 'a test' } }));
  expect(events).toHaveLength(1);
  return events[0]!;
}

beforeAll(async () => {
  app = await TestApp.boot();
  world = new World(app);
  ({ account } = world.root);
  bob = await world.user('bob', allows(['iam:*', 'sts:*']), '/team/');
  deploy = await world.role('deploy', trusts(bob.arn), { path: '/ci/', policy: allows('iam:GetRole') });
});
afterAll(() => app.close());

describe('the table of events', () => {
  const columns = `SELECT gen_random_uuid(), txid, account_id, occurred_at, event_source, event_name, principal_arn, principal_id, access_key_id, outcome, error_code, request_id, record, digest FROM audit_event`;
  const statements: [what: string, statement: string][] = [
    ['UPDATE', `UPDATE audit_event SET record = ''`],
    ['UPDATE of no row', `UPDATE audit_event SET record = '' WHERE false`],
    ['DELETE', 'DELETE FROM audit_event'],
    ['DELETE of no row', 'DELETE FROM audit_event WHERE false'],
    ['TRUNCATE', 'TRUNCATE audit_event'],
    ['TRUNCATE with CASCADE', 'TRUNCATE audit_event CASCADE'],
    ['INSERT that updates', `INSERT INTO audit_event SELECT * FROM audit_event LIMIT 1 ON CONFLICT (event_id) DO UPDATE SET record = ''`],
    ['DELETE in a WITH', 'WITH gone AS (DELETE FROM audit_event WHERE false RETURNING 1) SELECT * FROM gone'],
    ['MERGE that deletes', 'MERGE INTO audit_event e USING (SELECT event_id AS id FROM audit_event) x ON e.event_id = x.id WHEN MATCHED THEN DELETE'],
    ['UPDATE through a view', `UPDATE seen SET record = ''`],
  ];

  beforeAll(async () => {
    await app.sql('CREATE VIEW seen AS SELECT * FROM audit_event');
  });

  it('belongs to the role that Stint itself connects as', async () => {
    expect(await app.sql(`SELECT tableowner = current_user AS own FROM pg_tables WHERE tablename = 'audit_event'`)).toEqual([{ own: true }]);
  });

  it.each(statements)('refuses %s to its owner', async (_, statement) => {
    const before = await app.sql('SELECT count(*), max(txid) FROM audit_event');
    await expect(app.sql(statement)).rejects.toThrow('audit_event is append-only');
    expect(await app.sql('SELECT count(*), max(txid) FROM audit_event')).toEqual(before);
  });

  it.each(statements)('refuses %s even where triggers are switched off for replication', async (_, statement) => {
    // Only superusers may switch it; whoever is none meets triggers in any case.
    await app.sql('SET session_replication_role = replica').catch((error: unknown) => expect(error).toMatchObject({ code: '42501' }));
    try {
      await expect(app.sql(statement)).rejects.toThrow('audit_event is append-only');
    } finally {
      await app.sql('RESET session_replication_role').catch(() => undefined);
    }
  });

  it('takes new rows', async () => {
    await expect(app.sql(`INSERT INTO audit_event ${columns} LIMIT 0`)).resolves.toEqual([]);
  });
});

describe('an event', () => {
  const common = { sourceIPAddress: expect.stringMatching(/^(?:127\.0\.0\.1|::1)$/), userAgent: 'a test', eventTime: '2026-11-25T10:00:00Z', requestID: UUID, eventID: UUID, eventType: 'AwsApiCall', managementEvent: true, eventCategory: 'Management' };

  it('of root has the whole shape', async () => {
    const { record } = await eventOf(app.root, { ...STS, Action: 'GetCallerIdentity' });
    expect(record).toEqual({
      ...common,
      eventVersion: '1.08',
      userIdentity: { type: 'Root', principalId: account, arn: `arn:aws:iam::${account}:root`, accountId: account, accessKeyId: app.root.accessKeyId },
      eventSource: 'sts.amazonaws.com',
      eventName: 'GetCallerIdentity',
      awsRegion: 'us-east-1',
      requestParameters: null,
      responseElements: null,
      readOnly: true,
      recipientAccountId: account,
    });
  });

  it('of a user has the whole shape', async () => {
    const { record } = await eventOf(bob, { ...IAM, Action: 'CreateUser', UserName: 'carol', 'Tags.member.1.Key': 'cost', 'Tags.member.1.Value': '4711', Surplus: 'value' });
    expect(record).toEqual({
      ...common,
      eventVersion: '1.09',
      userIdentity: { type: 'IAMUser', principalId: bob.id, arn: `arn:aws:iam::${account}:user/team/bob`, accountId: account, accessKeyId: bob.accessKeyId, userName: 'bob' },
      eventSource: 'iam.amazonaws.com',
      eventName: 'CreateUser',
      awsRegion: 'us-east-1',
      requestParameters: { userName: 'carol', tags: [{ key: 'cost', value: '4711' }] },
      responseElements: {
        user: { path: '/', userName: 'carol', userId: expect.stringMatching(/^AIDA/), arn: `arn:aws:iam::${account}:user/carol`, createDate: 'Nov 25, 2026 10:00:00 AM', tags: [{ key: 'cost', value: '4711' }] },
      },
      additionalEventData: { ignoredParameters: ['Surplus'] },
      readOnly: false,
      recipientAccountId: account,
    });
  });

  it('of a role session names the session, its role and its beginning', async () => {
    const session = await world.session(bob, deploy, 'ci');
    const { record } = await eventOf(session, { ...IAM, Action: 'GetRole', RoleName: 'deploy' });
    expect(record).toEqual({
      ...common,
      eventVersion: '1.09',
      userIdentity: {
        type: 'AssumedRole',
        principalId: `${deploy.id}:ci`,
        arn: `arn:aws:sts::${account}:assumed-role/deploy/ci`,
        accountId: account,
        accessKeyId: session.accessKeyId,
        sessionContext: {
          sessionIssuer: { type: 'Role', principalId: deploy.id, arn: `arn:aws:iam::${account}:role/ci/deploy`, accountId: account, userName: 'deploy' },
          webIdFederationData: {},
          attributes: { creationDate: '2026-11-25T10:00:00Z', mfaAuthenticated: 'false' },
        },
      },
      eventSource: 'iam.amazonaws.com',
      eventName: 'GetRole',
      awsRegion: 'us-east-1',
      requestParameters: { roleName: 'deploy' },
      responseElements: null,
      readOnly: true,
      recipientAccountId: account,
    });
  });

  it('of an issuance has the new access key, the expiration and the hash of the token', async () => {
    const form = { ...STS, Action: 'AssumeRole', RoleArn: deploy.arn, RoleSessionName: 'ci', DurationSeconds: '900' };
    const { record, ...row } = await eventOf(bob, form, { region: 'eu-central-1' });
    const [session] = await app.sql<{ access_key_id: string; token_sha256: Buffer; xmin: string }>('SELECT *, xmin::text FROM session WHERE access_key_id = $1', [accessKeyOf(record)]);
    expect(record).toMatchObject({
      eventVersion: '1.08',
      awsRegion: 'eu-central-1',
      requestParameters: { roleArn: deploy.arn, roleSessionName: 'ci', durationSeconds: 900 },
      responseElements: {
        credentials: { accessKeyId: session?.access_key_id, sessionToken: `sha256:${session?.token_sha256.toString('hex') ?? ''}`, expiration: 'Nov 25, 2026, 10:15:00 AM' },
        assumedRoleUser: { assumedRoleId: `${deploy.id}:ci`, arn: `arn:aws:sts::${account}:assumed-role/deploy/ci` },
      },
      readOnly: true,
      resources: [{ accountId: account, type: 'AWS::IAM::Role', ARN: deploy.arn }],
    });
    expect(Object.keys((record['responseElements'] as { credentials: object }).credentials).sort()).toEqual(['accessKeyId', 'expiration', 'sessionToken']);
    expect(record).not.toHaveProperty('sharedEventID');
    // Both rows are of one transaction.
    expect(Number(session?.xmin)).toBe(Number(BigInt((row as unknown as { txid: string }).txid) % 2n ** 32n));
  });

  it('of a change has the documents as they were sent and percent-encoded as they were answered', async () => {
    const document = JSON.stringify({ ...trusts(bob.arn), Id: "it's (new)!" });
    const { record } = await eventOf(bob, { ...IAM, Action: 'CreateRole', RoleName: 'new', AssumeRolePolicyDocument: document });
    expect(record['requestParameters']).toEqual({ roleName: 'new', assumeRolePolicyDocument: document });
    const { role } = record['responseElements'] as { role: { assumeRolePolicyDocument: string } };
    expect(decodeURIComponent(role.assumeRolePolicyDocument)).toBe(document);
    expect(role.assumeRolePolicyDocument).toMatch(/^(?:[\w.~-]|%[0-9A-F]{2})+$/);
    const put = await eventOf(bob, { ...IAM, Action: 'PutRolePolicy', RoleName: 'new', PolicyName: 'p', PolicyDocument: JSON.stringify(allows('*')) });
    expect(put.record).toMatchObject({ requestParameters: { roleName: 'new', policyName: 'p', policyDocument: JSON.stringify(allows('*')) }, responseElements: null });
  });

  it('of a new access key leaves the secret out', async () => {
    const { record } = await eventOf(bob, { ...IAM, Action: 'CreateAccessKey' });
    expect(record).toMatchObject({ requestParameters: null, readOnly: false });
    expect(record['responseElements']).toEqual({
      accessKey: { userName: 'bob', accessKeyId: expect.stringMatching(/^AKIA/), status: 'Active', createDate: 'Nov 25, 2026 10:00:00 AM' },
    });
  });

  it('of Stint’s own operations names Stint as its source', async () => {
    const [event] = await app.recordedBy(() => app.rest(app.root, 'POST /v1/accounts', { accountName: 'other' }));
    expect(event?.record).toMatchObject({
      eventSource: 'stint.internal',
      eventName: 'CreateAccount',
      requestParameters: { accountName: 'other' },
      responseElements: { account: { accountName: 'other', createDate: 'Nov 25, 2026 10:00:00 AM' }, rootAccessKey: { accessKeyId: expect.stringMatching(/^AKIA/) } },
    });
    expect(Object.keys((event?.record['responseElements'] as { rootAccessKey: object }).rootAccessKey)).toEqual(['accessKeyId']);
  });

  it.each([
    ['2024-11-30T20:43:17Z', 'sts', 'Nov 30, 2024, 8:43:17 PM'],
    ['2024-08-01T13:33:28Z', 'iam', 'Aug 1, 2024 1:33:28 PM'],
    ['2026-01-09T00:05:09.999Z', 'iam', 'Jan 9, 2026 12:05:09 AM'],
    ['2026-12-31T12:00:00Z', 'sts', 'Dec 31, 2026, 12:00:00 PM'],
  ] as const)('writes the time %s in %s events as %s', (time, aws, text) => {
    expect(auditDate(new Date(time), { aws })).toBe(text);
  });

  it('leaves out the content of parameters that are too large', async () => {
    const { record } = await eventOf(bob, { ...IAM, Action: 'PutRolePolicy', RoleName: 'deploy', PolicyName: 'p', PolicyDocument: `{${' '.repeat(110_000)}}` });
    expect(record).toMatchObject({ errorCode: 'MalformedPolicyDocumentException', requestParameters: { omitted: 'larger than 100000 characters' } });
  });

  it('bounds what a hostile client can write into it', async () => {
    const surplus = Object.fromEntries(Array.from({ length: 1_500 }, (_, index) => [`${'x'.repeat(500)}${index}`, '']));
    const [event] = await app.recordedBy(() => app.query(bob, { ...STS, Action: 'GetCallerIdentity', ...surplus }, { headers: { 'user-agent': 'u'.repeat(8_000) } }));
    expect(event?.record['userAgent']).toBe('u'.repeat(1_024));
    expect(event?.text.length).toBeLessThan(20_000);
  });
});

describe('the event of a refusal', () => {
  const refusals: [code: string, recorded: string, form: () => Record<string, string>][] = [
    ['NoSuchEntity', 'NoSuchEntityException', () => ({ ...IAM, Action: 'GetUser', UserName: 'nobody' })],
    ['EntityAlreadyExists', 'EntityAlreadyExistsException', () => ({ ...IAM, Action: 'CreateUser', UserName: 'BOB' })],
    ['DeleteConflict', 'DeleteConflictException', () => ({ ...IAM, Action: 'DeleteRole', RoleName: 'deploy' })],
    ['MalformedPolicyDocument', 'MalformedPolicyDocumentException', () => ({ ...IAM, Action: 'CreateRole', RoleName: 'r', AssumeRolePolicyDocument: '{' })],
    ['LimitExceeded', 'LimitExceededException', () => ({ ...IAM, Action: 'PutUserPolicy', UserName: 'bob', PolicyName: 'p', PolicyDocument: JSON.stringify(allows('iam:Get*', `arn:aws:iam::*:user/${'x'.repeat(2_500)}`)) })],
    ['InvalidInput', 'InvalidInputException', () => ({ ...IAM, Action: 'CreateUser', UserName: 'u', 'Tags.member.1.Key': 'aws:x', 'Tags.member.1.Value': '' })],
  ];

  it.each(refusals)('writes %s of IAM as %s, with the parameters', async (code, recorded, form) => {
    const before = await app.contents();
    const { record, ...row } = await eventOf(bob, form());
    expect(row).toMatchObject({ outcome: 'refused', error_code: code });
    expect(record).toMatchObject({ errorCode: recorded, errorMessage: expect.any(String), responseElements: null });
    expect(record['requestParameters']).not.toBeNull();
    expect(await app.contents()).toEqual(before);
  });

  const withoutParameters: [code: string, form: () => Record<string, string>][] = [
    ['AccessDenied', () => ({ ...IAM, Action: 'CreateUser', UserName: 'dave' })],
    ['ValidationError', () => ({ ...IAM, Action: 'GetUser', UserName: '!' })],
    ['AccessDenied', () => ({ ...STS, Action: 'AssumeRole', RoleArn: `arn:aws:iam::${account}:role/none`, RoleSessionName: 'ci' })],
    ['ValidationError', () => ({ ...STS, Action: 'AssumeRole', RoleArn: deploy.arn, RoleSessionName: 'ci', DurationSeconds: '899' })],
  ];

  it.each(withoutParameters)('writes %s as on the wire, without parameters and resources', async (code, form) => {
    const nobody = await world.user(`nobody-${createHash('sha256').update(JSON.stringify(form())).digest('hex').slice(0, 8)}`);
    const before = await app.contents();
    const { record } = await eventOf(nobody, form());
    expect(record).toMatchObject({ errorCode: code, requestParameters: null, responseElements: null });
    expect(record).not.toHaveProperty('resources');
    expect(await app.contents()).toEqual(before);
  });

  it('does not exist where nobody was authenticated', async () => {
    const attempts: [Keys, string][] = [
      [{ ...bob, secretAccessKey: 'wrong' }, 'SignatureDoesNotMatch'],
      [{ accessKeyId: 'AKIAUNKNOWNUNKNOWN22', secretAccessKey: 'x' }, 'InvalidClientTokenId'],
    ];
    for (const [keys, code] of attempts) {
      const events = await app.recordedBy(async () => expect((await app.query(keys, { ...STS, Action: 'GetCallerIdentity' })).text).toContain(`<Code>${code}</Code>`));
      expect(events).toEqual([]);
    }
  });
});

describe('a call from one account into another', () => {
  let guest: World;
  let visitor: User;
  let open: Role;

  beforeAll(async () => {
    guest = await world.account('guest');
    visitor = await guest.user('visitor', allows('sts:AssumeRole'));
    open = await world.role('open', trusts(visitor.arn));
  });

  it('leaves one copy in each account, alike but for who is told what', async () => {
    const events = await app.recordedBy(() => app.query(visitor, { ...STS, Action: 'AssumeRole', RoleArn: open.arn, RoleSessionName: 'visit' }));
    const own = events.find((event) => event.account_id === guest.root.account);
    const foreign = events.find((event) => event.account_id === account);
    expect(events).toHaveLength(2);
    expect(own?.record.userIdentity).toMatchObject({ type: 'IAMUser', userName: 'visitor' });
    expect(foreign?.record.userIdentity).toEqual({ type: 'AWSAccount', principalId: visitor.id, accountId: guest.root.account });
    expect(own?.record).toMatchObject({ recipientAccountId: guest.root.account, sharedEventID: UUID });
    expect(own?.record['eventID']).not.toBe(foreign?.record['eventID']);
    const { userIdentity: _, ...rest } = own!.record;
    expect(foreign?.record).toEqual({ ...rest, userIdentity: foreign?.record.userIdentity, recipientAccountId: account, eventID: foreign?.record['eventID'] });
    // Nothing of the caller beyond what the record says is in the row's columns either.
    expect(foreign).toMatchObject({ access_key_id: '', principal_arn: `arn:aws:iam::${guest.root.account}:root`, principal_id: visitor.id });
  });

  it('that is refused is told to the caller’s account alone', async () => {
    const events = await app.recordedBy(() => app.query(visitor, { ...STS, Action: 'AssumeRole', RoleArn: deploy.arn, RoleSessionName: 'visit' }));
    expect(events).toMatchObject([{ account_id: guest.root.account, outcome: 'refused', error_code: 'AccessDenied' }]);
    expect(events[0]?.record).not.toHaveProperty('sharedEventID');
  });
});

describe('readOnly', () => {
  it.each([
    ['GetUser', true, { ...IAM, Action: 'GetUser', UserName: 'bob' }],
    ['ListRoles', true, { ...IAM, Action: 'ListRoles' }],
    ['UpdateAssumeRolePolicy', false, { ...IAM, Action: 'UpdateAssumeRolePolicy', RoleName: 'open', PolicyDocument: trustsEc2 }],
    ['DeleteRole', false, { ...IAM, Action: 'DeleteRole', RoleName: 'none' }],
  ])('of %s is %s', async (_, readOnly, form) => {
    expect((await eventOf(bob, form)).record['readOnly']).toBe(readOnly);
  });
});

function accessKeyOf(record: AuditEvent['record']): string {
  return (record['responseElements'] as { credentials: { accessKeyId: string } }).credentials.accessKeyId;
}
