import { CreateOpenIDConnectProviderCommand, CreateRoleCommand, GetRoleCommand, UpdateAssumeRolePolicyCommand } from '@aws-sdk/client-iam';
import { AssumeRoleWithWebIdentityCommand, STSClient } from '@aws-sdk/client-sts';

import { TestApp } from '../support/app.js';
import { call, effectOf, expectRefused, formOf, type Input } from '../support/calls.js';
import type { TestIdp } from '../support/idp.js';
import { expectSdkRefusal } from '../support/sdk.js';
import { choose, RISKY, riskyCalls } from '../support/trust-scenarios.js';
import { allows, trusts, World, type Document } from '../support/world.js';

let app: TestApp;
let world: World;
let accounts = 0;

beforeAll(async () => {
  app = await TestApp.boot();
});
beforeEach(async () => {
  accounts += 1;
  world = await new World(app).account(`trust ${String(accounts)}`);
});
afterAll(() => app.close());

const HEADER = 'x-stint-trust-warnings';
const GOOD = JSON.stringify(trusts({ Service: 'ec2.amazonaws.com' }));
const anyone = { id: 'anyone-without-external-id', statement: 'Statement[0]' };
const rest = (route: string, body?: object) => app.rest(world.root, route, body);
const additional = (record: unknown): unknown => (record as { additionalEventData?: unknown }).additionalEventData;

describe.each(riskyCalls)('$operation with a risky trust policy', ({ operation, prepare, reason }) => {
  const made = async (more: Input = {}): Promise<Input> => ({ ...(await prepare(world)).input, ...more });

  it('is refused over REST, with what is wrong and what to write', async () => {
    const input = await made();
    const effect = await effectOf(app, () => call(app, 'rest', { operation, keys: world.root, input }));
    expectRefused(effect, { code: 'RiskyTrustPolicy', status: 400, message: /^The trust policy lets in more than is likely to be meant: Everybody of every account may come: .+ Change it, or give a reason in acceptRisk\.$/ }, operation);
    const { risks } = JSON.parse(effect.result.text) as { risks: Record<string, string>[] };
    expect(risks).toEqual([{ ...anyone, problem: expect.stringMatching(/\.$/), fix: expect.stringMatching(/^Name accounts/) }]);
    expect(additional(effect.events[0]!.record)).toEqual({ trustRisks: [anyone] });
  });

  it('is done over REST for a reason, which is recorded', async () => {
    const input = await made(reason);
    const { result, events } = await effectOf(app, () => call(app, 'rest', { operation, keys: world.root, input }));
    expect(result.code).toBeUndefined();
    expect(events.map(({ record }) => additional(record))).toEqual([{ trustRisks: [anyone], acceptedRisk: reason['AcceptRisk'] }]);
    expect((await app.iam(world.root).send(new GetRoleCommand({ RoleName: 'open' }))).Role?.AssumeRolePolicyDocument).toBe(encodeURIComponent(RISKY).replace(/\*/g, '%2A'));
  });

  it('is done over REST where the account only has risks reported, and refused again where it does not', async () => {
    await choose(world, { TrustLinter: 'report-only' });
    const { result, events } = await effectOf(app, async () => call(app, 'rest', { operation, keys: world.root, input: await made() }));
    expect(result.code).toBeUndefined();
    expect(additional(events.at(-1)!.record)).toEqual({ trustRisks: [anyone] });
    await choose(world, { TrustLinter: 'enforce' });
    const update = { operation: 'UpdateAssumeRolePolicy', keys: world.root, input: { RoleName: 'open', PolicyDocument: RISKY } };
    expectRefused(await effectOf(app, () => call(app, 'rest', update)), { code: 'RiskyTrustPolicy', status: 400 }, 'UpdateAssumeRolePolicy');
  });

  it('is done for clients of AWS, who are told in a header, as is whoever reads the audit log', async () => {
    const input = await made();
    const { result, events } = await effectOf(app, () => app.query(world.root, { Action: operation, Version: '2010-05-08', ...formOf(input) }));
    expect([result.status, result.headers.get(HEADER)]).toEqual([200, 'anyone-without-external-id (Statement[0])']);
    expect(events.map(({ record }) => additional(record))).toEqual([{ trustRisks: [anyone] }]);
  });

  it('cannot be accepted by clients of AWS, whose parameter is none', async () => {
    const input = await made(reason);
    const { result, events } = await effectOf(app, () => app.query(world.root, { Action: operation, Version: '2010-05-08', ...formOf(input) }));
    expect([result.status, result.headers.get('x-stint-ignored-parameters')]).toEqual([200, 'AcceptRisk']);
    expect(additional(events[0]!.record)).toEqual({ trustRisks: [anyone], ignoredParameters: ['AcceptRisk'] });
  });
});

describe('a trust policy', () => {
  it('of which nothing is risky is saved without a word, reason or not', async () => {
    const answer = await rest('POST /v1/roles', { roleName: 'good', assumeRolePolicyDocument: GOOD, acceptRisk: 'None is known.' });
    expect([answer.status, answer.headers.get(HEADER)]).toEqual([200, null]);
    const [event] = await app.recordedBy(() => rest('PUT /v1/roles/good/trust-policy', { policyDocument: GOOD }));
    expect(additional(event!.record)).toBeUndefined();
  });

  it('that is not valid is refused for that first', async () => {
    const input = { RoleName: 'open', AssumeRolePolicyDocument: JSON.stringify({ ...(trusts('*') as object), Other: 1 }) };
    expectRefused(await effectOf(app, () => call(app, 'rest', { operation: 'CreateRole', keys: world.root, input })), { code: 'MalformedPolicyDocument', status: 400 }, 'CreateRole');
  });

  it('is warned of in printable characters, and not without end', async () => {
    const Statement = Array.from({ length: 21 }, (_, index) => ({ Sid: `a,\n é${String(index)}`, Effect: 'Allow', Principal: { AWS: '*' }, Action: 'sts:AssumeRole' }));
    await world.role('open', trusts({ Service: 'ec2.amazonaws.com' }));
    const answer = await app.query(world.root, { Action: 'UpdateAssumeRolePolicy', Version: '2010-05-08', RoleName: 'open', PolicyDocument: JSON.stringify({ Version: '2012-10-17', Statement }) });
    const warnings = (answer.headers.get(HEADER) ?? '').split(', ');
    expect(answer.status).toBe(200);
    expect(warnings).toHaveLength(20);
    expect(warnings[0]).toBe('anyone-without-external-id (a?? ?0)');
  });

  it('is not written about to whoever may not save it', async () => {
    const keys = await world.user('powerless');
    const effect = await effectOf(app, () => call(app, 'rest', { operation: 'CreateRole', keys, input: { RoleName: 'open', AssumeRolePolicyDocument: RISKY } }));
    expectRefused(effect, { code: 'AccessDenied', status: 403 }, 'CreateRole');
    expect(effect.result.text).not.toContain('risks');
  });

  it('is saved by AWS\'s SDK as ever', async () => {
    const iam = app.iam(world.root);
    await iam.send(new CreateRoleCommand({ RoleName: 'open', AssumeRolePolicyDocument: RISKY }));
    await iam.send(new UpdateAssumeRolePolicyCommand({ RoleName: 'open', PolicyDocument: RISKY }));
  });
});

describe('LintTrustPolicy', () => {
  it('says what is risky, and saves nothing', async () => {
    const arn = `arn:aws:iam::${world.root.account}:oidc-provider/token.actions.githubusercontent.com`;
    const document = trusts({ Federated: arn }, { StringLike: { 'token.actions.githubusercontent.com:sub': 'repo:*' } }, 'sts:AssumeRoleWithWebIdentity');
    const { result, added, removed } = await effectOf(app, () => rest('POST /v1/trust-policies/lint', { policyDocument: JSON.stringify(document) }));
    expect(result.body).toEqual({
      risks: [
        { id: 'federated-without-aud', statement: 'Statement[0]', problem: expect.any(String), fix: expect.any(String) },
        { id: 'sub-crosses-organisation', statement: 'Statement[0]', problem: expect.any(String), fix: expect.stringContaining('repo:OWNER/REPOSITORY') },
      ],
    });
    expect([...added, ...removed]).toEqual([]);
    expect((await rest('POST /v1/trust-policies/lint', { policyDocument: GOOD })).body).toEqual({ risks: [] });
  });
});

describe('what an account chooses about trust', () => {
  const defaults = { trustLinter: 'enforce', trustedIssuersMode: 'off', trustedIssuers: [] };

  it('is changed in part, listed once each, and stays its own', async () => {
    const other = await new World(app).account('bystander');
    expect((await rest('GET /v1/account/settings')).body).toEqual(defaults);
    const [first, second] = ['https://idp.example', `arn:aws:iam::${world.root.account}:saml-provider/Corp`];
    expect((await rest('PATCH /v1/account/settings', { trustedIssuers: [first, second, first] })).body).toEqual({ ...defaults, trustedIssuers: [first, second] });
    expect((await rest('PATCH /v1/account/settings', { trustLinter: 'report-only' })).body).toEqual({ ...defaults, trustLinter: 'report-only', trustedIssuers: [first, second] });
    expect((await rest('PATCH /v1/account/settings', { trustedIssuersMode: 'enforce' })).body).toMatchObject({ trustedIssuersMode: 'enforce' });
    expect((await rest('PATCH /v1/account/settings', {})).body).toEqual({ trustLinter: 'report-only', trustedIssuersMode: 'enforce', trustedIssuers: [first, second] });
    expect((await rest('PATCH /v1/account/settings', { trustedIssuers: [] })).body).toMatchObject({ trustedIssuers: [] });
    expect((await app.rest(other.root, 'GET /v1/account/settings')).body).toEqual(defaults);
  });

  it.each(['http://idp.example', 'idp.example', 'https://*.example', 'arn:aws:iam::123456789012:saml-provider/Corp'])('is refused for %s, and nothing of the call is done', async (entry) => {
    const input = { TrustLinter: 'report-only', TrustedIssuers: ['https://idp.example', entry] };
    const effect = await effectOf(app, () => call(app, 'rest', { operation: 'UpdateAccountSettings', keys: world.root, input }));
    expectRefused(effect, { code: 'InvalidInput', status: 400, message: `${entry} is neither the https URL of an issuer nor the ARN of a SAML provider of the account.` }, 'UpdateAccountSettings');
  });

  it('takes a permission of its own: those on roles do not do', async () => {
    const keys = await world.user('roles-only', allows(['iam:*', 'sts:*']));
    const effect = await effectOf(app, () => call(app, 'rest', { operation: 'UpdateAccountSettings', keys, input: { TrustLinter: 'report-only' } }));
    expectRefused(effect, { code: 'AccessDenied', status: 403 }, 'UpdateAccountSettings');
  });
});

describe('the list of trusted issuers', () => {
  let idp: TestIdp;
  let anonymous: STSClient;

  beforeEach(async () => {
    idp = await app.idp();
    anonymous = new STSClient({ endpoint: app.url, region: 'us-east-1', maxAttempts: 1 });
  });
  afterEach(() => anonymous.destroy());

  async function trusting(condition?: Document): Promise<string> {
    const { OpenIDConnectProviderArn = '' } = await app.iam(world.root).send(new CreateOpenIDConnectProviderCommand({ Url: idp.issuer, ClientIDList: ['stint'], ThumbprintList: [idp.thumbprint] }));
    return (await world.role('federated', trusts({ Federated: OpenIDConnectProviderArn }, condition, 'sts:AssumeRoleWithWebIdentity'))).arn;
  }
  const assume = async (RoleArn: string, claims?: Record<string, unknown>): Promise<unknown> =>
    anonymous.send(new AssumeRoleWithWebIdentityCommand({ RoleArn, RoleSessionName: 'ci', WebIdentityToken: await idp.token(app.clock.now(), claims) }));
  const refusal = { code: 'IDPRejectedClaim', status: 403, message: 'The account does not trust this identity provider.' };

  it('stands above every trust policy', async () => {
    const role = await trusting();
    await assume(role);
    await choose(world, { TrustedIssuersMode: 'enforce', TrustedIssuers: [`${idp.issuer}/other`, 'https://idp.example'] });
    await expectSdkRefusal(app, () => assume(role), refusal);
    await choose(world, { TrustedIssuers: [idp.issuer] });
    await assume(role);
    await choose(world, { TrustedIssuers: [] });
    await expectSdkRefusal(app, () => assume(role), refusal);
    await choose(world, { TrustedIssuersMode: 'off' });
    await assume(role);
  });

  it('is looked at before what else is wrong with a token, once its signature was right', async () => {
    const role = await trusting();
    await choose(world, { TrustedIssuersMode: 'enforce' });
    await expectSdkRefusal(app, () => assume(role, { exp: 1 }), refusal);
  });

  it('only has recorded what it does not name, where that was chosen', async () => {
    const role = await trusting();
    await choose(world, { TrustedIssuersMode: 'report-only' });
    const [reported] = await app.recordedBy(() => assume(role));
    expect(additional(reported!.record)).toEqual({ untrustedIssuer: `arn:aws:iam::${world.root.account}:oidc-provider/${idp.name}` });
    await choose(world, { TrustedIssuers: [idp.issuer] });
    const [trusted] = await app.recordedBy(() => assume(role));
    expect(additional(trusted!.record)).toBeUndefined();
  });
});
