import { CreateLoginProfileCommand, DeleteAccessKeyCommand, GenerateCredentialReportCommand, GetCredentialReportCommand, UpdateAccessKeyCommand, UpdateAccountPasswordPolicyCommand, type GetCredentialReportCommandOutput } from '@aws-sdk/client-iam';
import { GetCallerIdentityCommand } from '@aws-sdk/client-sts';
import { Client } from 'pg';

import { CredentialReports } from '../../src/account/reports.js';
import { reportHeader } from '../../src/domain/credential-report.js';
import { ROOT_USER_NAME } from '../../src/domain/mfa.js';
import { Stamping } from '../../src/sessions/stamping.js';
import { TestApp, NOW, type Keys } from '../support/app.js';
import { Authenticator } from '../support/authenticator.js';
import { call } from '../support/calls.js';
import { cut, hold, until, untilBlocked } from '../support/outage.js';
import { FIRST } from '../support/password-scenarios.js';
import { expectSdkRefusal } from '../support/sdk.js';
import { allows, World } from '../support/world.js';

const HOUR = 3_600;
const CREATED = '2026-11-25T10:00:00+00:00';
const STARTED = { State: 'STARTED', Description: 'No report exists. Starting a new report generation task' };
const NO_KEY = 'false,N/A,N/A,N/A,N/A';
const CERTIFICATES = 'false,N/A,false,N/A';

let a: TestApp;
let b: TestApp;
let world: World;
let root: Keys & { account: string };
let accounts = 0;

beforeAll(async () => {
  a = await TestApp.boot();
  b = await TestApp.boot({ beside: a });
});
beforeEach(async () => {
  accounts += 1;
  world = await new World(a).account(`account ${String(accounts)}`);
  ({ root } = world);
});
afterAll(async () => {
  await b.close();
  await a.close();
});

const members = <T extends { $metadata: unknown }>({ $metadata: _, ...rest }: T): Omit<T, '$metadata'> => rest;
const generate = async (node = a): Promise<unknown> => members(await node.iam(root).send(new GenerateCredentialReportCommand()));
const get = (node = a): Promise<GetCredentialReportCommandOutput> => node.iam(root).send(new GetCredentialReportCommand());
const settled = async (): Promise<void> => {
  for (const node of [a, b]) await node.running.app.get(CredentialReports).settled();
};
const linesOf = ({ Content }: GetCredentialReportCommandOutput): string[] => Buffer.from(Content ?? []).toString().split('\n');
/** Has a report made and waits until it is, whichever node makes it. */
async function made(): Promise<string[]> {
  // What the other node may have to say of the last use of keys lies in the database.
  await a.running.app.get(Stamping).flush();
  expect(await generate()).toEqual(STARTED);
  await until('the report is finished', async () => (await stored())[0]?.completed_at !== null);
  return linesOf(await get());
}
const stored = (): Promise<{ completed_at: Date | null; part_count: number }[]> => a.sql('SELECT completed_at, part_count FROM credential_report WHERE account_id = $1', [root.account]);
/** A report that a node had begun when it died. */
const leave = (startedAt = NOW): Promise<unknown> => a.sql(`INSERT INTO credential_report (account_id, started_at, next_after, part_count) VALUES ($1, $2, '', 0)`, [root.account, startedAt]);
const notPresent = { code: 'ReportNotPresent', status: 410, message: 'There is no credential report. Ask for one with GenerateCredentialReport.' };
const expired = { code: 'ReportExpired', status: 410, message: 'The credential report is older than four hours. Ask for one with GenerateCredentialReport.' };
const inProgress = { code: 'ReportInProgress', status: 404, message: 'The credential report is still being made. Repeat the request in a moment.' };

describe('a credential report', () => {
  it('is asked for, made, fetched on every node, and kept for four hours', async () => {
    await expectSdkRefusal(a, () => get(), notPresent);
    const lines = await made();
    expect(lines).toEqual([reportHeader, `<root_account>,arn:aws:iam::${root.account}:root,${CREATED},false,N/A,N/A,not_supported,false,true,${CREATED},${CREATED},us-east-1,iam,${NO_KEY},${CERTIFICATES}`]);
    for (const node of [a, b]) {
      expect(members(await get(node))).toEqual({ Content: expect.any(Uint8Array), ReportFormat: 'text/csv', GeneratedTime: new Date('2026-11-25T10:00:00Z') });
      expect(linesOf(await get(node))).toEqual(lines);
      expect(await generate(node)).toEqual({ State: 'COMPLETE' });
    }
    // What changes meanwhile is not in it.
    await world.user('late');
    a.clock.advance(4 * HOUR - 1);
    expect(await generate()).toEqual({ State: 'COMPLETE' });
    expect(linesOf(await get(b))).toEqual(lines);
    a.clock.advance(1);
    await expectSdkRefusal(a, () => get(), expired);
    expect(await made()).toHaveLength(3);
    a.clock.advance(-4 * HOUR);
  });

  it('says of each user what there is', async () => {
    const { iam, sts } = { iam: a.iam(root), sts: a.sts.bind(a) };
    const used = await world.user('Used', undefined, '/a,b/');
    await world.user('=1+1,x');
    const idle = await world.user('idle');
    await iam.send(new UpdateAccessKeyCommand({ UserName: 'idle', AccessKeyId: idle.accessKeyId, Status: 'Inactive' }));
    const bare = await world.user('bare');
    await iam.send(new DeleteAccessKeyCommand({ UserName: 'bare', AccessKeyId: bare.accessKeyId }));
    a.clock.advance(60);
    await call(a, 'query', { operation: 'CreateAccessKey', keys: root, input: { UserName: 'idle' } });
    await sts(used).send(new GetCallerIdentityCommand());
    const [, , ...lines] = await made();
    const later = '2026-11-25T10:01:00+00:00';
    const arn = (name: string): string => `arn:aws:iam::${root.account}:user${name}`;
    const none = 'false,N/A,N/A,N/A,false';
    expect(lines).toEqual([
      `"=1+1,x","${arn('/=1+1,x')}",${CREATED},${none},true,${CREATED},N/A,N/A,N/A,${NO_KEY},${CERTIFICATES}`,
      `bare,${arn('/bare')},${CREATED},${none},${NO_KEY},${NO_KEY},${CERTIFICATES}`,
      `idle,${arn('/idle')},${CREATED},${none},false,${CREATED},N/A,N/A,N/A,true,${later},N/A,N/A,N/A,${CERTIFICATES}`,
      `Used,"${arn('/a,b/Used')}",${CREATED},${none},true,${CREATED},${later},us-east-1,sts,${NO_KEY},${CERTIFICATES}`,
    ]);
    a.clock.advance(-60);
  });

  it('says who has a password, since when and until when, and who an MFA device', async () => {
    await world.user('none');
    const [alice, bob] = [await world.user('alice'), await world.user('bob')];
    for (const { name } of [alice, bob]) await a.iam(root).send(new CreateLoginProfileCommand({ UserName: name, Password: FIRST }));
    await Authenticator.enabled(a, root, 'alice', `alice-${root.account}`);
    await Authenticator.created(a, root, `unassigned-${root.account}`);
    const columns = async (): Promise<string[]> => (await made()).slice(1).map((line) => line.split(',').slice(3, 8).join(','));
    expect(await columns()).toEqual(['false,N/A,N/A,not_supported,false', `true,no_information,${CREATED},N/A,true`, `true,no_information,${CREATED},N/A,false`, 'false,N/A,N/A,N/A,false']);
    await a.iam(root).send(new UpdateAccountPasswordPolicyCommand({ MinimumPasswordLength: 8, MaxPasswordAge: 90 }));
    await Authenticator.enabled(a, root, ROOT_USER_NAME, `root-${root.account}`);
    a.clock.advance(4 * HOUR);
    const rotation = '2027-02-23T10:00:00+00:00';
    expect(await columns()).toEqual(['false,N/A,N/A,not_supported,true', `true,no_information,${CREATED},${rotation},true`, `true,no_information,${CREATED},${rotation},false`, 'false,N/A,N/A,N/A,false']);
    a.clock.advance(-4 * HOUR);
  });

  it('is of one account', async () => {
    const other = await world.account('other');
    await other.user('stranger');
    await world.user('alice');
    const text = (await made()).join('\n');
    expect(text).toContain('alice');
    for (const secret of ['stranger', other.root.account]) expect(text).not.toContain(secret);
    await expectSdkRefusal(a, () => a.iam(other.root).send(new GetCredentialReportCommand()), notPresent);
  });

  it('is refused to whoever may not see it', async () => {
    const bob = a.iam(await world.user('bob', allows('iam:List*')));
    const because = (action: string): string => `User: arn:aws:iam::${root.account}:user/bob is not authorized to perform: ${action} because no identity-based policy allows the ${action} action`;
    await expectSdkRefusal(a, () => bob.send(new GenerateCredentialReportCommand()), { code: 'AccessDenied', status: 403, message: because('iam:GenerateCredentialReport') });
    await expectSdkRefusal(a, () => bob.send(new GetCredentialReportCommand()), { code: 'AccessDenied', status: 403, message: because('iam:GetCredentialReport') });
  });
});

describe('two nodes', () => {
  it('begin one report where many ask for it at once', async () => {
    const states = await Promise.all([a, b, a, b, a, b].map(async (node) => ((await generate(node)) as { State: string }).State));
    expect(states.filter((state) => state === 'STARTED')).toHaveLength(1);
    await settled();
    await until('the report is finished', async () => (await stored())[0]?.completed_at !== null);
    expect(linesOf(await get(b))).toHaveLength(2);
  });

  it('leave a report to whoever is making it, and say that it is being made', async () => {
    await leave();
    const maker = new Client({ connectionString: a.database.url });
    await maker.connect();
    await maker.query('BEGIN');
    await maker.query('SELECT 1 FROM credential_report WHERE account_id = $1 FOR UPDATE', [root.account]);
    for (const node of [a, b]) {
      await expectSdkRefusal(node, () => get(node), inProgress);
      expect(await generate(node)).toEqual({ State: 'INPROGRESS' });
    }
    await settled();
    expect(await stored()).toEqual([{ completed_at: null, part_count: 0 }]);
    // Now it dies, and whoever asks next has the report gone on with.
    await maker.end();
    await expectSdkRefusal(b, () => get(b), inProgress);
    await b.running.app.get(CredentialReports).settled();
    expect(linesOf(await get(a))).toHaveLength(2);
  });

  it('go on with a report whose maker was cut off in the middle of a page', async () => {
    const held = await hold(a.database, 'credential_report_part');
    const asked = a.query(root, { Action: 'GenerateCredentialReport', Version: '2010-05-08' });
    await untilBlocked((text) => a.sql(text), 'stint');
    await cut(a.database, 'stint');
    await held.release();
    await asked;
    await settled();
    const fetched = await until('a node answers with the report', async () => {
      await a.query(root, { Action: 'GenerateCredentialReport', Version: '2010-05-08' });
      const { status, text } = await b.query(root, { Action: 'GetCredentialReport', Version: '2010-05-08' });
      return status === 200 ? text : undefined;
    });
    expect(fetched).toContain(Buffer.from(reportHeader.slice(0, 30)).toString('base64'));
    expect(await stored()).toEqual([{ completed_at: expect.any(Date), part_count: 1 }]);
  });

  it('begin anew where a report was left unfinished for four hours', async () => {
    await leave(new Date(NOW.getTime() - 4 * HOUR * 1000));
    await a.sql(`INSERT INTO credential_report_part (account_id, part, content) VALUES ($1, 0, 'stale')`, [root.account]);
    await expectSdkRefusal(a, () => get(), expired);
    expect((await made()).join('\n')).not.toContain('stale');
  });

  it('find what was left unfinished when they start', async () => {
    await leave();
    const third = await TestApp.boot({ beside: a });
    await third.running.app.get(CredentialReports).settled();
    expect(linesOf(await get())).toHaveLength(2);
    await third.close();
  });

  it('stop without losing a report', async () => {
    const third = await TestApp.boot({ beside: a });
    await third.close();
    third.running.app.get(CredentialReports).wake(root.account);
    expect(await made()).toHaveLength(2);
  });
});

/** At the end: whatever looks at all rows takes long with so many. */
describe('a credential report of many', () => {
  it('is made in pages, and has every user of a full account once', async () => {
    await a.sql(
      `INSERT INTO iam_user (user_id, account_id, user_name, name_key, path, tags, created_at)
       SELECT 'AIDA' || $1 || lpad(n::text, 7, '0'), $1, 'user' || lpad(n::text, 7, '0'), 'user' || lpad(n::text, 7, '0'), '/', '[]', now() FROM generate_series(1, 5000) n`,
      [root.account],
    );
    const lines = await made();
    expect(lines.slice(2).map((line) => line.slice(0, line.indexOf(',')))).toEqual(Array.from({ length: 5_000 }, (_, index) => `user${String(index + 1).padStart(7, '0')}`));
    const parts = await a.sql<{ lines: number }>(`SELECT array_length(string_to_array(content, E'\\n'), 1) AS lines FROM credential_report_part WHERE account_id = $1 ORDER BY part`, [root.account]);
    // Each page in a transaction of its own: no node ever has more than that in its hands. All but the first begin with a line feed.
    expect(parts.map((part) => part.lines)).toEqual([502, ...Array.from({ length: 9 }, () => 501)]);
  });
});
