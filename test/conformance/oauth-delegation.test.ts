import { CreateOpenIDConnectProviderCommand } from '@aws-sdk/client-iam';
import { decodeJwt } from 'jose';

import { TestApp, type Keys } from '../support/app.js';
import { effectOf } from '../support/calls.js';
import type { TestIdp } from '../support/idp.js';
import { ID_TOKEN, JWT, OAuth, type Form, type OAuthAnswer } from '../support/oauth.js';
import { Sessions } from '../support/sessions.js';
import { allows, denies, together, trusts, World, type Document, type Role, type User } from '../support/world.js';

let app: TestApp;
let world: World;
let oauth: OAuth;
let idp: TestIdp;
let provider: string;
let issuer: string;
let alice: User;
let agent: User;
let count = 0;

const fresh = (): string => `name-${String((count += 1))}`;
const NOT = /^The actor is not authorized to perform: sts:SetContext/;

beforeAll(async () => {
  app = await TestApp.boot();
  world = await new World(app).account('delegating');
  oauth = new OAuth(app);
  idp = await app.idp();
  const { OpenIDConnectProviderArn } = await app.iam(world.root).send(new CreateOpenIDConnectProviderCommand({ Url: idp.issuer, ClientIDList: ['stint'], ThumbprintList: [idp.thumbprint] }));
  provider = OpenIDConnectProviderArn ?? '';
  issuer = `${app.url}/oidc/${world.root.account}`;
  await oauth.enable(world);
  [alice, agent] = [await world.user('alice', allows('sts:*')), await world.user('agent', allows('sts:*'))];
});
afterAll(() => app.close());

/** A role that trusts alice, and lets somebody act for her. */
const lending = (actor: string | Document = agent.arn, condition?: Document, policy: Document = allows(['sts:*', 'iam:ListUsers'])): Promise<Role> =>
  world.role(fresh(), together(trusts(alice.arn), trusts(actor, condition, 'sts:SetContext')), { policy });
const acted = async (resource: string, { by = agent, more = {} }: { by?: Keys; more?: Form } = {}): Promise<OAuthAnswer> =>
  oauth.exchange({ subject_token: await oauth.jwt(alice), resource, actor_token: await oauth.jwt(by), actor_token_type: JWT, ...more });

/** Asserts that it is refused so, with the subject's name, and that nothing was written. */
async function expectRefused(send: () => Promise<OAuthAnswer>, error: string, description: RegExp): Promise<void> {
  const { result, added, events } = await effectOf(app, send);
  expect({ status: result.status, error: result.body['error'] }).toEqual({ status: 400, error });
  expect(result.body['error_description']).toMatch(description);
  expect(added).toEqual([]);
  // The tokens that are brought are obtained meanwhile.
  expect(events.filter(({ event_name }) => event_name !== 'GetWebIdentityToken').map(({ event_name, outcome }) => [event_name, outcome])).toEqual([['ExchangeToken', 'refused']]);
}

describe('somebody who acts for somebody else', () => {
  it('is named in the token, in the events of the session and in what is obtained with it', async () => {
    const { arn } = await lending();
    const { result, events } = await effectOf(app, () => acted(arn));
    const token = String(result.body['access_token']);
    const act = { sub: agent.arn, iss: issuer };
    expect(decodeJwt(token)).toMatchObject({ sub: arn, act });
    const actor = { arn: agent.arn, subject: agent.arn, issuer };
    expect(events.find(({ event_name }) => event_name === 'ExchangeToken')?.record).toMatchObject({ userIdentity: { arn: alice.arn }, additionalEventData: { actor } });
    expect((await oauth.introspect(token, world.root)).body).toMatchObject({ active: true, act });
    // The session behind it, and all that it obtains.
    const keys = await oauth.credentials({ subject_token: await oauth.jwt(alice), resource: arn, actor_token: await oauth.jwt(agent), actor_token_type: JWT });
    expect(decodeJwt(await oauth.jwt(keys))).toMatchObject({ act });
    const second = await world.role(fresh(), trusts(arn), { policy: allows('sts:*') });
    const chained = await world.session(keys, second);
    const later = await app.recordedBy(() => oauth.jwt(chained, { Audience: ['https://api.example'] }));
    expect(later[0]?.record).toMatchObject({ userIdentity: { sessionContext: { actors: [actor] } } });
  });

  it('is refused unless the trust policy says so', async () => {
    const silent = await world.role(fresh(), trusts(alice.arn), { policy: allows('*') });
    const trusting = await world.role(fresh(), trusts([alice.arn, agent.arn]), { policy: allows('*') });
    const other = await lending((await world.user(fresh(), allows('sts:*'))).arn);
    const forBob = await lending(agent.arn, { ArnEquals: { 'stint:SubjectArn': `${alice.arn}-not` } });
    for (const { arn } of [silent, trusting, other, forBob]) await expectRefused(() => acted(arn), 'invalid_target', NOT);
    // And he is no way for a subject to what it is not trusted with.
    const onlyActor = await world.role(fresh(), trusts(agent.arn, undefined, ['sts:AssumeRole', 'sts:SetContext']), { policy: allows('*') });
    await expectRefused(() => acted(onlyActor.arn), 'invalid_target', /^User: .*alice is not authorized to perform: sts:AssumeRole/);
  });

  it('is allowed for whom the trust policy says', async () => {
    const { arn } = await lending(agent.arn, { ArnEquals: { 'stint:SubjectArn': alice.arn } });
    expect((await acted(arn)).status).toBe(200);
  });

  it('is refused where his own policies deny it, of which nothing is said', async () => {
    const unable = await world.user(fresh(), together(allows('sts:*'), denies('sts:SetContext')));
    const { arn } = await lending(unable.arn);
    await expectRefused(() => acted(arn, { by: unable }), 'invalid_target', NOT);
    const abroad = await new World(app).account(fresh());
    await oauth.enable(abroad);
    const [able, powerless] = [await abroad.user('able', allows('sts:*')), await abroad.user('powerless', allows('sts:GetWebIdentityToken'))];
    const open = await lending({ AWS: [able.arn, powerless.arn] });
    expect((await acted(open.arn, { by: able })).status).toBe(200);
    await expectRefused(() => acted(open.arn, { by: powerless }), 'invalid_target', NOT);
  });

  it('is seen by policies, which can ask for him or keep him out', async () => {
    const wanted = await world.role(fresh(), together(trusts(alice.arn, { ArnEquals: { 'stint:ActorArn': agent.arn } }), trusts(agent.arn, undefined, 'sts:SetContext')), { policy: allows('*') });
    expect((await acted(wanted.arn)).status).toBe(200);
    await expectRefused(async () => oauth.exchange({ subject_token: await oauth.jwt(alice), resource: wanted.arn }), 'invalid_target', /sts:AssumeRole/);
    const direct = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: 'iam:*', Resource: '*', Condition: { Null: { 'stint:ActorArn': 'true' } } }, { Effect: 'Allow', Action: 'sts:*', Resource: '*' }] };
    const { arn } = await lending(agent.arn, undefined, direct);
    const looks = new Sessions(app);
    expect(await looks.looksOf(await oauth.credentials({ subject_token: await oauth.jwt(alice), resource: arn }))).toHaveLength(3);
    expect(await looks.looksOf(await oauth.credentials({ subject_token: await oauth.jwt(alice), resource: arn, actor_token: await oauth.jwt(agent), actor_token_type: JWT }))).toEqual([]);
  });

  it('ends what he obtains with his own token', async () => {
    const { arn } = await lending();
    const { body } = await oauth.exchange({ subject_token: await oauth.jwt(alice), resource: arn, actor_token: await oauth.jwt(agent, { DurationSeconds: 120 }), actor_token_type: JWT });
    expect(body).toMatchObject({ expires_in: 120 });
  });

  it('is nobody without a good token', async () => {
    const { arn } = await lending();
    const late = await oauth.jwt(agent, { DurationSeconds: 60 });
    const elsewhere = await oauth.jwt(agent, { Audience: ['https://api.example'] });
    await expectRefused(() => acted(arn, { more: { actor_token: elsewhere } }), 'invalid_request', /not issued for the token endpoint/);
    await expectRefused(() => acted(arn, { more: { actor_token: 'a.b.c' } }), 'invalid_request', /not a valid JWT/);
    await expectRefused(() => acted(arn, { by: world.root }), 'invalid_target', /root user/);
    app.clock.advance(60);
    await expectRefused(() => acted(arn, { more: { actor_token: late } }), 'invalid_request', /^Token expired/);
  });

  it('acts for one who acts already, in order, and only so often', async () => {
    const names = await Promise.all(Array.from({ length: 5 }, () => world.user(fresh(), allows('sts:*'))));
    let subject = await oauth.jwt(alice);
    let trusted = alice.arn;
    for (const [index, actor] of names.entries()) {
      const next = await world.role(fresh(), together(trusts(trusted), trusts(actor.arn, undefined, 'sts:SetContext')), { policy: allows('sts:*') });
      const exchange = async (): Promise<OAuthAnswer> => oauth.exchange({ subject_token: subject, resource: next.arn, actor_token: await oauth.jwt(actor), actor_token_type: JWT });
      if (index === 4) {
        await expectRefused(exchange, 'invalid_target', /^At most 4 may act/);
        continue;
      }
      [subject, trusted] = [String((await exchange()).body['access_token']), next.arn];
    }
    const nested = names.slice(0, 4).reduce<object | undefined>((act, { arn }) => ({ sub: arn, iss: issuer, ...(act && { act }) }), undefined);
    expect(decodeJwt(subject)['act']).toEqual(nested);
  });
});

describe('an identity provider', () => {
  const subjectOf = (claims: object): Promise<string> => idp.token(app.clock.now(), { sub: 'user-1', ...claims });
  const exchange = async (role: Role, claims: object, actor: Record<string, unknown> = { sub: 'agent-1' }): Promise<OAuthAnswer> =>
    oauth.exchange({ subject_token: await subjectOf(claims), subject_token_type: ID_TOKEN, resource: role.arn, actor_token: await idp.token(app.clock.now(), actor), actor_token_type: ID_TOKEN });
  const lent = (): Promise<Role> =>
    world.role(fresh(), together(trusts({ Federated: provider }, { StringEquals: { [`${idp.name}:sub`]: 'user-1' } }, 'sts:AssumeRoleWithWebIdentity'), trusts({ Federated: provider }, { StringEquals: { [`${idp.name}:sub`]: ['agent-1', 'agent-2'], 'stint:SubjectId': 'user-1' } }, 'sts:SetContext')), { policy: allows('sts:*') });

  it('vouches for the actor as well, and may say who may act', async () => {
    const role = await lent();
    for (const claims of [{}, { may_act: { sub: 'agent-1' } }, { may_act: { sub: 'agent-1', iss: idp.issuer } }]) {
      const { body } = await exchange(role, claims);
      expect(decodeJwt(String(body['access_token']))['act']).toEqual({ sub: 'agent-1', iss: idp.issuer });
    }
  });

  it.each([[{ sub: 'agent-2' }], [{ sub: 'agent-1', iss: 'https://other.example' }], [{}], ['agent-1'], [['agent-1']], [null]])('keeps out an actor who is not the one that it names: %j', async (may_act) => {
    const role = await lent();
    await expectRefused(() => exchange(role, { may_act }), 'invalid_request', /may_act/);
  });

  it('does not make somebody an actor whom the role does not know', async () => {
    const role = await lent();
    await expectRefused(() => exchange(role, { may_act: { sub: 'agent-3' } }, { sub: 'agent-3' }), 'invalid_target', NOT);
  });
});
