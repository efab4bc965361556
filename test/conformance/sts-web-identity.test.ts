import { CreateOpenIDConnectProviderCommand, DeleteOpenIDConnectProviderCommand, ListRolesCommand, ListUsersCommand } from '@aws-sdk/client-iam';
import { AssumeRoleCommand, GetCallerIdentityCommand } from '@aws-sdk/client-sts';

import type { TestApp } from '../support/app.js';
import { effectOf } from '../support/calls.js';
import { TestIdp, signingKey } from '../support/idp.js';
import { expectSdkRefusal } from '../support/sdk.js';
import { ACTIONS, credentialsIn, WebIdentityWorld } from '../support/web-identity-world.js';
import { allows, trusts, type World, type Document } from '../support/world.js';

const NO_KEYS = "Couldn't retrieve verification key from your identity provider,  please reference AssumeRoleWithWebIdentity documentation for requirements";
const NOT_A_JWT = 'The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)';

let at: WebIdentityWorld;
let app: TestApp;
let idp: TestIdp;
let world: World;
let providerArn: string;
let roles = 0;

beforeAll(async () => {
  at = await WebIdentityWorld.boot();
  ({ app, idp, world, providerArn } = at);
});
afterAll(() => at.close());

const role: WebIdentityWorld['role'] = (...of) => at.role(...of);
const assume: WebIdentityWorld['assume'] = (input) => at.assume(input);
const denied = { code: 'AccessDenied', status: 403, message: 'Not authorized to perform sts:AssumeRoleWithWebIdentity' };

/** Asserts that a call of somebody unknown is refused so: nothing is written, and it belongs to no account. */
async function expectUnknown(send: () => Promise<unknown>, code: string, message: string): Promise<void> {
  const { result, added, removed, events } = await effectOf(app, () => send().then(() => undefined, (error: unknown) => error as { name: string; Code?: string; message: string; $metadata: { httpStatusCode?: number } }));
  expect({ code: result?.Code ?? result?.name, status: result?.$metadata.httpStatusCode, message: result?.message }).toEqual({ code, status: 400, message });
  expect({ added, removed, events }).toEqual({ added: [], removed: [], events: [] });
}

describe('AssumeRoleWithWebIdentity', () => {
  it('begins a session for whom a provider of the account vouches, and records who it is', async () => {
    const { arn, name, id } = await role({ StringEquals: { [`${idp.name}:aud`]: 'stint', [`${idp.name}:sub`]: 'repo:octo-org/octo-repo:ref:refs/heads/main' } });
    const { result, events } = await effectOf(app, () => assume({ RoleArn: arn }));
    const { $metadata: _, ...answer } = result;
    expect(answer).toEqual({
      Credentials: { AccessKeyId: expect.stringMatching(/^ASIA/), SecretAccessKey: expect.any(String), SessionToken: expect.any(String), Expiration: new Date('2026-11-25T11:00:00Z') },
      SubjectFromWebIdentityToken: 'repo:octo-org/octo-repo:ref:refs/heads/main',
      AssumedRoleUser: { AssumedRoleId: `${id}:ci`, Arn: `arn:aws:sts::${world.root.account}:assumed-role/${name}/ci` },
      Provider: idp.issuer,
      Audience: 'stint',
      SessionTokenSize: result.Credentials?.SessionToken?.length,
      SessionTokenUtilization: expect.any(Number),
    });
    expect(events).toHaveLength(1);
    expect(events[0]?.record).toMatchObject({
      eventName: 'AssumeRoleWithWebIdentity',
      userIdentity: { type: 'WebIdentityUser', principalId: `${providerArn}:stint:repo:octo-org/octo-repo:ref:refs/heads/main`, userName: 'repo:octo-org/octo-repo:ref:refs/heads/main', identityProvider: providerArn },
      requestParameters: { roleArn: arn, roleSessionName: 'ci' },
      resources: [{ accountId: world.root.account, type: 'AWS::IAM::Role', ARN: arn }],
      readOnly: true,
    });
    expect(events[0]?.text).not.toContain('eyJ');
    const who = await app.sts(credentialsIn(result)).send(new GetCallerIdentityCommand());
    expect(who.Arn).toBe(`arn:aws:sts::${world.root.account}:assumed-role/${name}/ci`);
    const [seen] = (await app.events()).filter((event) => event.event_name === 'GetCallerIdentity');
    expect(seen?.record.userIdentity['sessionContext']).toMatchObject({
      webIdFederationData: { federatedProvider: providerArn, attributes: { [`${idp.name}:aud`]: 'stint', [`${idp.name}:sub`]: 'repo:octo-org/octo-repo:ref:refs/heads/main' } },
    });
  });

  it('takes a token that was read from a file, with a line feed at its end', async () => {
    const { arn } = await role();
    expect((await assume({ RoleArn: arn, WebIdentityToken: `${await idp.token(app.clock.now())}\n` })).Audience).toBe('stint');
  });

  it('takes every algorithm of RSA and of elliptic curves', async () => {
    const { arn } = await role();
    const keys = await Promise.all(['RS256', 'RS384', 'RS512', 'ES256', 'ES384', 'ES512'].map((alg) => signingKey(`key of ${alg}`, alg)));
    for (const key of keys) {
      idp.keys = [key, ...keys.filter((other) => other !== key)];
      expect((await assume({ RoleArn: arn })).Provider).toBe(idp.issuer);
    }
  });

  it('is decided by the trust policy alone, which sees every claim', async () => {
    const claims = { sub: 'octo', repository_owner: 'octo-org', environment: 'Production', run_attempt: 2, protected: true, amr: ['pwd', 'otp'], nested: { a: 'b' } };
    const key = (claim: string): string => `${idp.name}:${claim}`;
    const cases: readonly [Document, boolean][] = [
      [{ StringEquals: { [key('repository_owner')]: 'octo-org' } }, true],
      [{ StringEquals: { [key('repository_owner').toUpperCase()]: 'octo-org' } }, true],
      [{ StringEquals: { [key('repository_owner')]: 'evil-org' } }, false],
      [{ StringLike: { [key('sub')]: 'oct?' } }, true],
      [{ NumericLessThan: { [key('run_attempt')]: '3' } }, true],
      [{ Bool: { [key('protected')]: 'true' } }, true],
      [{ 'ForAnyValue:StringEquals': { [key('amr')]: 'otp' } }, true],
      [{ StringEquals: { [key('nested')]: 'b' } }, false],
      [{ StringEquals: { [key('missing')]: 'x' } }, false],
      [{ StringEquals: { 'aws:PrincipalAccount': world.root.account } }, false],
      [{ StringEquals: { 'aws:FederatedProvider': providerArn, 'sts:RoleSessionName': 'ci' } }, true],
      [{ Null: { 'aws:PrincipalArn': 'true', 'aws:userid': 'true' } }, true],
      [{ IpAddress: { 'aws:SourceIp': '127.0.0.1' } }, true],
    ];
    for (const [condition, allowed] of cases) {
      const { arn } = await role(condition);
      const WebIdentityToken = await idp.token(app.clock.now(), claims);
      if (allowed) expect((await assume({ RoleArn: arn, WebIdentityToken })).SubjectFromWebIdentityToken).toBe('octo');
      else await expectSdkRefusal(app, () => assume({ RoleArn: arn, WebIdentityToken }), denied);
    }
  });

  it.each([
    ['the account itself', () => ({ AWS: `arn:aws:iam::${world.root.account}:root` })],
    ['everybody of AWS', () => ({ AWS: '*' })],
    ['a service', () => ({ Service: 'ec2.amazonaws.com' })],
  ])('is not allowed by trust in %s', async (_, principal) => {
    roles += 1;
    const { arn } = await world.role(`other-${String(roles)}`, trusts(principal(), undefined, ACTIONS));
    await expectSdkRefusal(app, () => assume({ RoleArn: arn }), denied);
  });

  it('is denied by whatever denies everybody', async () => {
    roles += 1;
    const { arn } = await world.role(`denied-${String(roles)}`, {
      Version: '2012-10-17',
      Statement: [
        { Effect: 'Allow', Principal: { Federated: providerArn }, Action: ACTIONS },
        { Effect: 'Deny', Principal: { AWS: '*' }, Action: 'sts:AssumeRoleWithWebIdentity', Condition: { IpAddress: { 'aws:SourceIp': '127.0.0.0/8' } } },
      ],
    });
    await expectSdkRefusal(app, () => assume({ RoleArn: arn }), denied);
  });

  it('says the same of a role that is not there, and of one that may be assumed with AssumeRole only', async () => {
    await expectSdkRefusal(app, () => assume({ RoleArn: `arn:aws:iam::${world.root.account}:role/nowhere` }), denied);
    const { arn } = await role(undefined, { action: 'sts:AssumeRole' });
    await expectSdkRefusal(app, () => assume({ RoleArn: arn }), denied);
  });

  it('knows the providers of the account of the role only', async () => {
    const other = await world.account('elsewhere');
    const { arn } = await other.role('deploy', trusts({ Service: 'ec2.amazonaws.com' }));
    await expectUnknown(() => assume({ RoleArn: arn }), 'InvalidIdentityToken', `No OpenIDConnect provider found in your account for ${idp.issuer}`);
  });

  it('does not trust a provider that was deleted and made anew', async () => {
    const again = await TestIdp.start('/again');
    const create = async (): Promise<string> => (await app.iam(world.root).send(new CreateOpenIDConnectProviderCommand({ Url: again.issuer, ClientIDList: ['stint'], ThumbprintList: [again.thumbprint] }))).OpenIDConnectProviderArn ?? '';
    const arn = await create();
    const trusting = await world.role('again', trusts({ Federated: arn }, undefined, ACTIONS));
    const send = async (): Promise<unknown> => assume({ RoleArn: trusting.arn, WebIdentityToken: await again.token(app.clock.now()) });
    await send();
    await app.iam(world.root).send(new DeleteOpenIDConnectProviderCommand({ OpenIDConnectProviderArn: arn }));
    await expectUnknown(send, 'InvalidIdentityToken', `No OpenIDConnect provider found in your account for ${again.issuer}`);
    await create();
    await expectSdkRefusal(app, send, denied);
    await again.close();
  });

  it('lets a session last as long as the role may, an hour where nothing is said', async () => {
    const { arn } = await role(undefined, { maxSessionDuration: 7200 });
    expect((await assume({ RoleArn: arn, DurationSeconds: 7200 })).Credentials?.Expiration).toEqual(new Date('2026-11-25T12:00:00Z'));
    await expectSdkRefusal(app, () => assume({ RoleArn: arn, DurationSeconds: 7201 }), { code: 'ValidationError', status: 400, message: 'The requested DurationSeconds exceeds the MaxSessionDuration set for this role.' });
  });

  it('limits a session by policies that are passed', async () => {
    const { arn } = await role(undefined, { policy: allows('iam:*') });
    expect(await assume({ RoleArn: arn, Policy: JSON.stringify(allows('iam:ListUsers')) })).toMatchObject({ PackedPolicySize: expect.any(Number) });
    const keys = credentialsIn(await assume({ RoleArn: arn, Policy: JSON.stringify(allows('iam:ListUsers')) }));
    await app.iam(keys).send(new ListUsersCommand());
    await expect(app.iam(keys).send(new ListRolesCommand())).rejects.toMatchObject({ name: 'AccessDenied', message: expect.stringContaining('because no session policy allows the iam:ListRoles action') });
  });

  describe('tags and source identity', () => {
    const tagged = { 'https://aws.amazon.com/tags': { principal_tags: { team: ['blue'], cost: ['42'] }, transitive_tag_keys: ['team'] }, 'https://aws.amazon.com/source_identity': 'octocat' };

    it('come from the token, stay with the session and go on with chains', async () => {
      const { arn } = await role({ StringEquals: { 'aws:RequestTag/team': 'blue', 'sts:SourceIdentity': 'octocat' } }, { policy: allows(['sts:AssumeRole', 'sts:TagSession', 'sts:SetSourceIdentity']) });
      const { result, events } = await effectOf(app, async () => assume({ RoleArn: arn, WebIdentityToken: await idp.token(app.clock.now(), tagged) }));
      expect(result).toMatchObject({ SourceIdentity: 'octocat', PackedPolicySize: expect.any(Number) });
      expect(events[0]?.record).toMatchObject({ requestParameters: { sourceIdentity: 'octocat', principalTags: { team: 'blue', cost: '42' }, transitiveTagKeys: ['team'] } });
      roles += 1;
      const next = await world.role(`next-${String(roles)}`, trusts(arn, { StringEquals: { 'aws:PrincipalTag/cost': '42', 'aws:PrincipalTag/team': 'blue', [`${idp.name}:sub`]: 'repo:octo-org/octo-repo:ref:refs/heads/main', 'aws:FederatedProvider': providerArn } }, ['sts:AssumeRole', 'sts:TagSession', 'sts:SetSourceIdentity']));
      expect((await app.sts(credentialsIn(result)).send(new AssumeRoleCommand({ RoleArn: next.arn, RoleSessionName: 'next' }))).SourceIdentity).toBe('octocat');
    });

    it.each(['sts:TagSession', 'sts:SetSourceIdentity'])('need %s in the trust policy', async (action) => {
      const { arn } = await role(undefined, { action: ACTIONS.filter((name) => name !== action) });
      await expectSdkRefusal(app, async () => assume({ RoleArn: arn, WebIdentityToken: await idp.token(app.clock.now(), tagged) }), { ...denied, message: `Not authorized to perform ${action}` });
    });

    const TAGS = 'The claim https://aws.amazon.com/tags of the ID Token is not valid.';
    const SOURCE = 'Source Identity must match [a-zA-Z_0-9+=,.@-]{2,64} and not begin with "aws:".';
    const badTags = 'The session tags of the identity provider are not valid.';
    it.each([
      ['tags that are no object', { 'https://aws.amazon.com/tags': 'x' }, TAGS],
      ['tags without principal_tags', { 'https://aws.amazon.com/tags': {} }, TAGS],
      ['members nobody knows', { 'https://aws.amazon.com/tags': { principal_tags: {}, more: 1 } }, TAGS],
      ['two values', { 'https://aws.amazon.com/tags': { principal_tags: { a: ['1', '2'] } } }, TAGS],
      ['a value that is no list', { 'https://aws.amazon.com/tags': { principal_tags: { a: '1' } } }, TAGS],
      ['transitive keys that are no texts', { 'https://aws.amazon.com/tags': { principal_tags: { a: ['1'] }, transitive_tag_keys: [1] } }, TAGS],
      ['a value that is too long', { 'https://aws.amazon.com/tags': { principal_tags: { a: ['x'.repeat(257)] } } }, badTags],
      ['a character no tag has', { 'https://aws.amazon.com/tags': { principal_tags: { 'a*': ['x'] } } }, badTags],
      ['51 tags', { 'https://aws.amazon.com/tags': { principal_tags: Object.fromEntries(Array.from({ length: 51 }, (_, index) => [`k${String(index)}`, ['v']])) } }, badTags],
      ['keys that differ by case', { 'https://aws.amazon.com/tags': { principal_tags: { a: ['1'], A: ['2'] } } }, 'Duplicate tag keys found. Please note that Tag keys are case insensitive.'],
      ['a reserved key', { 'https://aws.amazon.com/tags': { principal_tags: { 'aws:x': ['1'] } } }, "Tag keys that begin with aws: are reserved, got 'aws:x'."],
      ['a source identity of one character', { 'https://aws.amazon.com/source_identity': 'x' }, SOURCE],
      ['a source identity that is no text', { 'https://aws.amazon.com/source_identity': 12 }, SOURCE],
      ['a reserved source identity', { 'https://aws.amazon.com/source_identity': 'aws:x' }, SOURCE],
    ])('are refused: %s', async (what, claims, message) => {
      const { arn } = await role();
      // Of one subject no more than twenty refusals are recorded at once.
      await expectSdkRefusal(app, async () => assume({ RoleArn: arn, WebIdentityToken: await idp.token(app.clock.now(), { sub: what, ...claims }) }), { code: 'InvalidIdentityToken', status: 400, message });
    });
  });

  it('goes on under load while the provider changes its keys, again and again', async () => {
    const { arn } = await role();
    let left = 6;
    const rotations = async (): Promise<void> => {
      for (; left > 0; left -= 1) {
        const old = idp.keys.slice(0, 1);
        const next = await signingKey(`rotated ${String(left)}`);
        // It signs with the new one at once, and publishes the last one still: what it has signed is under way.
        idp.keys = [next, ...old];
        await assume({ RoleArn: arn });
      }
    };
    const load = async (): Promise<number> => {
      let done = 0;
      while (left > 0) {
        await assume({ RoleArn: arn });
        done += 1;
      }
      return done;
    };
    const [, ...done] = await Promise.all([rotations(), ...Array.from({ length: 12 }, load)]);
    expect(Math.min(...done)).toBeGreaterThan(0);
  });

  describe('the roles claim', () => {
    const claim = 'https://aws.amazon.com/roles';

    it('has to list the role, before the trust policy is asked, and tells the trust policy', async () => {
      const { arn } = await role({ Bool: { 'sts:RoleAuthorizedByIdp': 'true' } });
      for (const listed of [arn, [arn, 'arn:aws:iam::000000000000:role/x']]) expect((await assume({ RoleArn: arn, WebIdentityToken: await idp.token(app.clock.now(), { [claim]: listed }) })).Provider).toBe(idp.issuer);
      for (const listed of ['', [], [arn.toUpperCase()], `${arn}/x`]) {
        await expectSdkRefusal(app, async () => assume({ RoleArn: arn, WebIdentityToken: await idp.token(app.clock.now(), { [claim]: listed }) }), { code: 'InvalidIdentityToken', status: 400, message: 'The target role ARN is not present in the roles claim of the identity token' });
      }
      await expectSdkRefusal(app, () => assume({ RoleArn: arn }), denied);
    });
  });

  describe('a token that is signed, and not good', () => {
    const EXPIRED = 'ExpiredTokenException';
    const INVALID = 'InvalidIdentityToken';
    const now = Math.floor(new Date('2026-11-25T10:00:00Z').getTime() / 1000);
    it.each([
      ['without sub', { sub: undefined }, INVALID, 'Missing a required claim: sub.'],
      ['without aud', { aud: undefined }, INVALID, 'Missing a required claim: aud.'],
      ['without iat', { iat: undefined }, INVALID, 'Missing a required claim: iat.'],
      ['without exp', { exp: undefined }, INVALID, 'Missing a required claim: exp.'],
      ['for somebody else', { aud: 'evil' }, INVALID, 'Incorrect token audience'],
      ['for nobody', { aud: [] }, INVALID, 'Incorrect token audience'],
      ['for several', { aud: ['stint', 'other'] }, INVALID, 'Token audience contains more than one audience while authorized party is not present'],
      ['for several, one of them authorised and unknown', { aud: ['stint', 'other'], azp: 'evil' }, INVALID, 'Incorrect token audience'],
      ['with an authorised party that is no text', { azp: 1 }, INVALID, 'The claim azp of the ID Token is not a text.'],
      ['expired', { exp: now }, EXPIRED, `Token expired: current date/time ${String(now)} must be before the expiration date/time ${String(now)}`],
      ['expired long ago', { exp: now - 86_400 }, EXPIRED, `Token expired: current date/time ${String(now)} must be before the expiration date/time ${String(now - 86_400)}`],
      ['with an exp that is a text', { exp: String(now + 60) }, INVALID, 'The claim exp of the ID Token is not a number of seconds.'],
      ['with an exp beyond numbers', { exp: 1e300 }, INVALID, 'The claim exp of the ID Token is not a number of seconds.'],
      ['not valid yet', { nbf: now + 301 }, INVALID, 'The ID Token is not valid yet.'],
      ['issued in the future', { iat: now + 301 }, INVALID, 'The ID Token is not valid yet.'],
      ['with an empty sub', { sub: '' }, INVALID, 'The claim sub of the ID Token is not valid.'],
      ['with a sub of 256 characters', { sub: 'x'.repeat(256) }, INVALID, 'The claim sub of the ID Token is not valid.'],
      ['with a sub of several lines', { sub: 'a\nb' }, INVALID, 'The claim sub of the ID Token is not valid.'],
      ['with a sub that is a list', { sub: ['a'] }, INVALID, 'The claim sub of the ID Token is not valid.'],
    ])('is refused and recorded: %s', async (what, claims, code, message) => {
      const { arn } = await role();
      await expectSdkRefusal(app, async () => assume({ RoleArn: arn, WebIdentityToken: await idp.token(app.clock.now(), { sub: what, ...claims }) }), { code, status: 400, message });
    });

    it('takes the authorised party for the audience, and the audience for another key', async () => {
      const { arn } = await role({ StringEquals: { [`${idp.name}:aud`]: 'other', [`${idp.name}:azp`]: 'other' }, 'ForAnyValue:StringEquals': { [`${idp.name}:oaud`]: 'stint' } });
      expect((await assume({ RoleArn: arn, WebIdentityToken: await idp.token(app.clock.now(), { aud: ['stint', 'x'], azp: 'other' }) })).Audience).toBe('other');
    });

    it('does not let a claim of another case speak for a claim', async () => {
      const { arn } = await role({ StringEquals: { [`${idp.name}:sub`]: 'admin' } });
      await expectSdkRefusal(app, async () => assume({ RoleArn: arn, WebIdentityToken: await idp.token(app.clock.now(), { Sub: 'admin', SUB: 'admin' }) }), denied);
    });
  });

  describe('a token that is none', () => {
    const encoded = (value: unknown): string => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
    const ALGORITHMS = 'The ID Token must be signed with one of RS256, RS384, RS512, ES256, ES384, ES512.';
    const parameter = (name: string): string => `The ID Token has the header parameter ${name}, which is not accepted.`;
    const parts = (header: unknown, claims: unknown = idp.claims(app.clock.now())): Promise<string> => Promise.resolve(`${encoded(header)}.${encoded(claims)}.${encoded('signature')}`);
    const good = { alg: 'ES256', typ: 'JWT', kid: 'first' };
    const cases: readonly [string, () => Promise<string>, string][] = [
      ['text', () => Promise.resolve('text'), NOT_A_JWT],
      ['two parts', () => Promise.resolve(`${encoded(good)}.${encoded({})}`), NOT_A_JWT],
      ['four parts', async () => `${await parts(good)}.x`, NOT_A_JWT],
      ['five parts: encrypted', () => Promise.resolve(['a', 'b', 'c', 'd', 'e'].map(encoded).join('.')), NOT_A_JWT],
      ['no signature', () => Promise.resolve(`${encoded(good)}.${encoded(idp.claims(app.clock.now()))}.`), NOT_A_JWT],
      ['alg none', () => parts({ ...good, alg: 'none' }), ALGORITHMS],
      ['alg None', () => parts({ ...good, alg: 'None' }), ALGORITHMS],
      ['HS256', () => parts({ ...good, alg: 'HS256' }), ALGORITHMS],
      ['PS256', () => parts({ ...good, alg: 'PS256' }), ALGORITHMS],
      ['EdDSA', () => parts({ ...good, alg: 'EdDSA' }), ALGORITHMS],
      ['no alg', () => parts({ kid: 'first' }), ALGORITHMS],
      ['a list of algs', () => parts({ ...good, alg: ['ES256'] }), ALGORITHMS],
      ['an access token', () => parts({ ...good, typ: 'at+jwt' }), NOT_A_JWT],
      ['a logout token', () => parts({ ...good, typ: 'logout+jwt' }), NOT_A_JWT],
      ...['b64', 'crit', 'cty', 'enc', 'jku', 'jwk', 'x5c', 'x5u', 'zip'].map((name) => [name, () => parts({ ...good, [name]: `${idp.issuer}/evil` }), parameter(name)] as [string, () => Promise<string>, string]),
      ['a kid that is a number', () => parts({ ...good, kid: 1 }), 'The header parameter kid of the ID Token is not valid.'],
      ['a kid that is huge', () => parts({ ...good, kid: 'x'.repeat(256) }), 'The header parameter kid of the ID Token is not valid.'],
      ['repeated claims', () => parts(good, `{"iss":"${idp.issuer}","sub":"a","sub":"b"}`), NOT_A_JWT],
      ['repeated header parameters', () => parts('{"alg":"none","alg":"ES256"}'), NOT_A_JWT],
      ['claims that are a list', () => parts(good, []), NOT_A_JWT],
      ['claims nested too deeply', () => parts(good, `${'{"a":'.repeat(100)}1${'}'.repeat(100)}`), NOT_A_JWT],
      ['claims that are no UTF-8', () => Promise.resolve(`${encoded(good)}.${Buffer.from([0x22, 0xff, 0x22]).toString('base64url')}.c2ln`), NOT_A_JWT],
      ['standard base64', async () => (await parts(good, { iss: '???>>>' })).replaceAll('_', '/'), NOT_A_JWT],
      ['padding', async () => `${await parts(good)}==`, NOT_A_JWT],
      ['no issuer', () => parts(good, { sub: 'x' }), 'Missing a required claim: iss.'],
      ['an issuer that is a number', () => parts(good, { iss: 1 }), 'The claim iss of the ID Token is not a text.'],
      ['another issuer', () => parts(good, { iss: 'https://evil.example' }), 'No OpenIDConnect provider found in your account for https://evil.example'],
      ['http', () => parts(good, { iss: `http://${idp.name}` }), 'No OpenIDConnect provider found in your account for http://'],
      ['a slash more', () => parts(good, { iss: `${idp.issuer}/` }), 'No OpenIDConnect provider found in your account for '],
      ['a query', () => parts(good, { iss: `${idp.issuer}?x` }), 'No OpenIDConnect provider found in your account for '],
      ['upper case', () => parts(good, { iss: idp.issuer.toUpperCase() }), 'No OpenIDConnect provider found in your account for '],
      ['an issuer of Stint', () => parts(good, { iss: `${app.url}/oidc/${world.root.account}` }), 'No OpenIDConnect provider found in your account for '],
    ];
    it.each(cases)('is refused, and nothing is fetched for it: %s', async (_, token, message) => {
      const { arn } = await role();
      const before = idp.fetched.length;
      const { result, added, removed, events } = await effectOf(app, async () => assume({ RoleArn: arn, WebIdentityToken: await token() }).then(() => undefined, (error: unknown) => error as Error & { Code?: string }));
      expect({ name: result?.name.replace(/Exception$/, ''), message: result?.message.slice(0, message.length) }).toEqual({ name: 'InvalidIdentityToken', message });
      expect({ added, removed, events, fetched: idp.fetched.length - before }).toEqual({ added: [], removed: [], events: [], fetched: 0 });
    });

    it('is refused: signed by another key under the same name', async () => {
      const { arn } = await role();
      const own = idp.keys;
      idp.keys = await Promise.all(own.slice(0, 1).map(({ kid, alg }) => signingKey(kid, alg)));
      const forged = await idp.token(app.clock.now());
      idp.keys = own;
      await expectUnknown(() => assume({ RoleArn: arn, WebIdentityToken: forged }), 'InvalidIdentityToken', 'The signature of the ID Token is not valid.');
    });

    it('is refused: any bit of it changed', async () => {
      const { arn } = await role();
      const token = await idp.token(app.clock.now());
      const [head = '', body = '', signature = ''] = token.split('.');
      const flipped = (text: string, at: number): string => `${text.slice(0, at)}${text[at] === 'A' ? 'B' : 'A'}${text.slice(at + 1)}`;
      for (const forged of [[head, flipped(body, 20), signature], [head, body, flipped(signature, 3)], [head, body, signature.slice(0, -4)]].map((list) => list.join('.'))) {
        const { events } = await effectOf(app, () => assume({ RoleArn: arn, WebIdentityToken: forged }).then(() => expect(forged).toBe('refused'), () => undefined));
        expect(events).toEqual([]);
      }
    });

    it('is refused: a key id that climbs out of somewhere', async () => {
      const { arn } = await role();
      for (const kid of ['../../../../dev/null', "' OR 1=1 --", '']) {
        await expectUnknown(async () => assume({ RoleArn: arn, WebIdentityToken: await idp.token(app.clock.now(), {}, { kid }) }), 'InvalidIdentityToken', NO_KEYS);
      }
    });
  });

  it('tells the log why an issuer could not be asked, under the request id', async () => {
    const { arn } = await role();
    const away = { Url: 'https://localhost:1', ClientIDList: ['stint'], ThumbprintList: [idp.thumbprint] };
    await app.iam(world.root).send(new CreateOpenIDConnectProviderCommand(away));
    const error = await assume({ RoleArn: arn, WebIdentityToken: await idp.token(app.clock.now(), { iss: away.Url }) }).then(() => undefined, (refusal: unknown) => refusal as { name: string; $metadata: { requestId?: string } });
    const line = app.lines.map((text) => JSON.parse(text) as { msg?: string; requestId?: string; result?: string; why?: object }).find(({ msg, requestId }) => msg === 'request' && requestId === error?.$metadata.requestId);
    expect(line).toMatchObject({ result: 'IDPCommunicationError', why: { why: expect.stringMatching(/^https:\/\/localhost:1: /) } });
  });

  it('refuses what is no role, before anything is fetched', async () => {
    await expectUnknown(() => assume({ RoleArn: 'arn:aws:iam::123456789012:user/alice' }), 'ValidationError', 'Request ARN is invalid');
    await expectUnknown(() => assume({ RoleArn: 'not-an-arn-but-long-enough' }), 'ValidationError', 'not-an-arn-but-long-enough is invalid');
  });
});
