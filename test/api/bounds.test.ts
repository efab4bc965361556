import { formatAmzDate } from '../../src/domain/sigv4.js';
import { TestApp } from '../support/app.js';
import { call, type Input } from '../support/calls.js';
import { onTheWire } from '../support/wire.js';
import { allows, trusts, World } from '../support/world.js';

/** What a stranger or a tenant may try in order to cost more than he is worth. */
describe('a hostile caller', () => {
  let app: TestApp;
  let world: World;

  beforeAll(async () => {
    app = await TestApp.boot();
    world = new World(app);
  });
  afterAll(() => app.close());

  it.each(['\0', 'AKIA\0AKIAAKIAAKIA', 'A'.repeat(20_000), 'akiaakiaakiaakia', 'AKIA'])('is unknown by an id that no access key can have: %j', async (id) => {
    const now = formatAmzDate(app.clock.now().getTime());
    const query = new URLSearchParams({
      Action: 'GetCallerIdentity',
      Version: '2011-06-15',
      'X-Amz-Algorithm': 'AWS4-HMAC-SHA256',
      'X-Amz-Credential': `${id}/${now.slice(0, 8)}/us-east-1/sts/aws4_request`,
      'X-Amz-Date': now,
      'X-Amz-SignedHeaders': 'host',
      'X-Amz-Signature': '0'.repeat(64),
    });
    const answer = await app.send({ path: `/?${query.toString()}` });
    expect([answer.status, answer.text]).toEqual([403, expect.stringContaining('<Code>InvalidClientTokenId</Code>')]);
    expect(app.lines.filter((line) => line.length > 5_000)).toEqual([]);
  });

  it.each(['/v1/users/bob/policies/..', '/v1/users/.', '/v1/users/%2e%2E', '/v1/users//policies', '/v1/users/'])('is not routed by another path than the one that is signed: %s', async (path) => {
    const answer = await app.raw(app.root, { method: 'GET', path, service: 'stint' });
    expect([answer.status, answer.text]).toEqual([404, expect.stringContaining('"code":"NotFound"')]);
  });

  it('is understood in the absolute form of a target', async () => {
    const host = new URL(app.url).host;
    const answer = await onTheWire(app, `GET http://${host}/livez HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
    expect(answer.status).toBe(200);
    const query = await onTheWire(app, `GET http://${host}?Action=Nonsense HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
    expect(query.text).toContain('<Code>InvalidAction</Code>');
  });

  it('cannot fill documents with white space beyond four times the quota', async () => {
    const blank = ' '.repeat(9_000);
    await world.user('writer');
    const put = (PolicyDocument: string): Promise<unknown> => call(app, 'query', { operation: 'PutUserPolicy', keys: app.root, input: { UserName: 'writer', PolicyName: 'p', PolicyDocument } });
    expect(await put(JSON.stringify(allows('*')) + ' '.repeat(7_000))).toMatchObject({ status: 200 });
    expect(await put(JSON.stringify(allows('*')) + blank)).toMatchObject({ code: 'LimitExceeded' });
    const input: Input = { RoleName: 'padded', AssumeRolePolicyDocument: JSON.stringify(trusts({ Service: 'ec2.amazonaws.com' })) + blank };
    expect(await call(app, 'query', { operation: 'CreateRole', keys: app.root, input })).toMatchObject({ code: 'LimitExceeded' });
  });

  it('gets pages of roles that end early where their policies are long, and all roles in the end', async () => {
    const other = await world.account('many roles');
    await app.sql(
      `INSERT INTO role (role_id, account_id, role_name, name_key, path, max_session_duration, trust_policy, trust_principals, tags, created_at)
       SELECT 'AROA' || lpad(n::text, 17, 'X'), $1, 'r' || n, 'r' || n, '/', 3600, $2 || repeat(' ', 8000), '{}', '[]', now() FROM generate_series(1, 300) n`,
      [other.root.account, JSON.stringify(trusts({ Service: 'ec2.amazonaws.com' }))],
    );
    const seen: string[] = [];
    let pages = 0;
    for (let marker: string | undefined = ''; marker !== undefined; pages += 1) {
      const input: Input = { MaxItems: 1000, ...(marker === '' ? {} : { Marker: marker }) };
      const { output, text } = await call(app, 'rest', { operation: 'ListRoles', keys: other.root, input });
      expect(text.length).toBeLessThan(1_500_000);
      const page = output as { roles: { roleName: string }[]; marker?: string };
      seen.push(...page.roles.map(({ roleName }) => roleName));
      marker = page.marker;
    }
    expect([pages, new Set(seen).size, seen.length]).toEqual([3, 300, 300]);
  });

  it('is seen by policies with a bounded part of his user agent', async () => {
    const matching = { Version: '2012-10-17', Statement: { Effect: 'Allow', Action: '*', Resource: '*', Condition: { StringLike: { 'aws:UserAgent': 'x*END' } } } };
    const user = await world.user('agent', matching);
    const ask = async (agent: string): Promise<number> => (await app.query(user, { Action: 'ListUsers', Version: '2010-05-08' }, { headers: { 'user-agent': agent } })).status;
    expect(await ask(`x${'-'.repeat(500)}END`)).toBe(200);
    expect(await ask(`x${'-'.repeat(20_000)}END`)).toBe(403);
  });

  it('keeps the digits of numbers in a trust policy that is shown with a principal that is gone', async () => {
    const user = await world.user('shortlived');
    const role = await world.role('numbered', { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Principal: { AWS: user.arn }, Action: 'sts:AssumeRole', Condition: { NumericEquals: { 'aws:MultiFactorAuthAge': 0 } } }] });
    await app.sql(`UPDATE role SET trust_policy = replace(trust_policy, ':0}', ':12345678901234567890123}') WHERE role_id = $1`, [role.id]);
    await app.sql('DELETE FROM access_key WHERE user_id = $1', [user.id]);
    await app.sql('DELETE FROM iam_user WHERE user_id = $1', [user.id]);
    const { output } = await call(app, 'rest', { operation: 'GetRole', keys: app.root, input: { RoleName: 'numbered' } });
    const shown = (output as { role: { assumeRolePolicyDocument: string } }).role.assumeRolePolicyDocument;
    expect(shown).toContain(':12345678901234567890123}');
    expect(shown).toContain(`"AWS":"${user.id}"`);
  });

  it('does not learn what an entity of another account is called from its id', async () => {
    const secretive = await world.account('secretive');
    const theirs = await secretive.user('payroll-admin', undefined, '/board/');
    const nosy = await world.account('nosy');
    await nosy.role('probe', trusts(theirs.id));
    const { text } = await call(app, 'rest', { operation: 'GetRole', keys: nosy.root, input: { RoleName: 'probe' } });
    expect(text).toContain(theirs.id);
    expect(text).not.toContain('payroll');
  });
});
