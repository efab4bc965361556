import { TagRoleCommand, UntagRoleCommand } from '@aws-sdk/client-iam';
import { AssumeRoleCommand, GetCallerIdentityCommand, type AssumeRoleWithWebIdentityCommandOutput } from '@aws-sdk/client-sts';

import type { TestApp } from '../support/app.js';
import type { TestIdp } from '../support/idp.js';
import { expectSdkRefusal } from '../support/sdk.js';
import { ACTIONS, credentialsIn, WebIdentityWorld } from '../support/web-identity-world.js';
import { allows, trusts, type World, type Role } from '../support/world.js';


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

describe('AssumeRoleWithWebIdentity', () => {
  describe('a role that fixes how its sessions are called', () => {
    const tags = [{ Key: 'stint:SessionNameTemplate', Value: 'gh-@repository_id@-@actor_id@' }, { Key: 'stint:SourceIdentityTemplate', Value: '@actor@' }];
    const claims = { repository_id: '74', actor_id: '12', actor: 'octocat' };
    const fixing = async (action: string[] = ACTIONS): Promise<Role> => {
      roles += 1;
      return world.role(`fixing-${String(roles)}`, trusts({ Federated: providerArn }, undefined, action), { tags });
    };
    const ask = async (RoleArn: string, RoleSessionName: string, more: object = {}): Promise<AssumeRoleWithWebIdentityCommandOutput> => assume({ RoleArn, RoleSessionName, WebIdentityToken: await idp.token(app.clock.now(), { ...claims, ...more }) });

    it('takes only the name that the claims come to, which is the same each time', async () => {
      const { arn } = await fixing();
      for (let times = 0; times < 2; times += 1) expect(await ask(arn, 'gh-74-12')).toMatchObject({ SourceIdentity: 'octocat', AssumedRoleUser: { Arn: expect.stringMatching(/\/gh-74-12$/) } });
      await expectSdkRefusal(app, () => ask(arn, 'gh-74-13'), { code: 'AccessDenied', status: 403, message: 'The role fixes RoleSessionName by what the identity provider says: it must be gh-74-12' });
      await expectSdkRefusal(app, () => ask(arn, 'gh-74-12', { actor_id: undefined }), { code: 'AccessDenied', status: 403, message: 'The role fixes RoleSessionName by what an identity provider says, and this one says nothing of actor_id' });
      await expectSdkRefusal(app, () => ask(arn, 'gh-74-12', { 'https://aws.amazon.com/source_identity': 'other' }), { code: 'AccessDenied', status: 403, message: 'The role fixes SourceIdentity by what the identity provider says: it must be octocat' });
    });

    it('lets nobody set a source identity whom its trust policy does not', async () => {
      const { arn } = await fixing(['sts:AssumeRoleWithWebIdentity']);
      await expectSdkRefusal(app, () => ask(arn, 'gh-74-12'), { ...denied, message: 'Not authorized to perform sts:SetSourceIdentity' });
    });

    it('tells nothing to those who may not assume it', async () => {
      roles += 1;
      const { arn } = await world.role(`fixing-${String(roles)}`, trusts({ Service: 'ec2.amazonaws.com' }), { tags });
      await expectSdkRefusal(app, () => ask(arn, 'x-y'), denied);
    });

    it('is assumed by nobody for whom no provider vouches', async () => {
      const user = await world.user(`fixed-${String(roles)}`);
      roles += 1;
      const { arn } = await world.role(`fixing-${String(roles)}`, trusts(user.arn), { tags: tags.slice(0, 1) });
      await expectSdkRefusal(app, () => app.sts(user).send(new AssumeRoleCommand({ RoleArn: arn, RoleSessionName: 'gh-74-12' })), { code: 'AccessDenied', status: 403, message: 'The role fixes RoleSessionName by what an identity provider says, and none vouches for the caller' });
    });

    it('keeps its templates from those who may tag it with anything else, however they write their keys', async () => {
      const { arn, name } = await fixing();
      const kept = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: ['iam:TagRole', 'iam:UntagRole'], Resource: '*' }, { Effect: 'Deny', Action: ['iam:TagRole', 'iam:UntagRole'], Resource: '*', Condition: { 'ForAnyValue:StringEquals': { 'aws:TagKeys': tags.map(({ Key }) => Key) } } }] };
      const iam = app.iam(await world.user(`tagger-${String(roles)}`, kept));
      await iam.send(new TagRoleCommand({ RoleName: name, Tags: [{ Key: 'team', Value: 'one' }] }));
      for (const [Key, refusal] of [['stint:SessionNameTemplate', 'AccessDenied'], ['Stint:SessionNameTemplate', 'InvalidInputException']] as const) {
        await expect(iam.send(new TagRoleCommand({ RoleName: name, Tags: [{ Key, Value: 'any-@sub@' }] }))).rejects.toMatchObject({ name: refusal });
        await expect(iam.send(new UntagRoleCommand({ RoleName: name, TagKeys: ['team', Key] }))).rejects.toMatchObject({ name: refusal });
      }
      await iam.send(new UntagRoleCommand({ RoleName: name, TagKeys: ['team'] }));
      expect(await ask(arn, 'gh-74-12')).toMatchObject({ SourceIdentity: 'octocat' });
    });

    it('cannot have a template that could never be filled in', async () => {
      roles += 1;
      await expect(world.role(`fixing-${String(roles)}`, trusts({ Federated: providerArn }), { tags: [{ Key: 'stint:SessionNameTemplate', Value: 'no claim' }] })).rejects.toMatchObject({ name: 'InvalidInputException' });
    });
  });

  describe('sessions', () => {
    const gone = { name: 'ExpiredToken' };
    const who = async (answer: AssumeRoleWithWebIdentityCommandOutput): Promise<unknown> => app.sts(credentialsIn(answer)).send(new GetCallerIdentityCommand());
    const of = async (sub: string, RoleArn: string): Promise<AssumeRoleWithWebIdentityCommandOutput> => assume({ RoleArn, WebIdentityToken: await idp.token(app.clock.now(), { sub }) });

    it('are listed and ended by who somebody is at the provider, with what was obtained with them', async () => {
      const { arn } = await role(undefined, { policy: allows('sts:AssumeRole') });
      roles += 1;
      const next = await world.role(`after-${String(roles)}`, trusts(arn));
      const [mallory, alice] = [await of('mallory', arn), await of('alice', arn)];
      app.clock.advance(1);
      const chained = await app.sts(credentialsIn(mallory)).send(new AssumeRoleCommand({ RoleArn: next.arn, RoleSessionName: 'next' }));
      const query = `principalArn=${encodeURIComponent(providerArn)}&subject=mallory`;
      const { body } = await app.rest(world.root, `GET /v1/sessions?${query}`);
      expect((body as unknown as { sessions: object[] }).sessions).toMatchObject([{ sessionName: 'next' }, { sessionName: 'ci', operation: 'AssumeRoleWithWebIdentity', status: 'active' }]);
      expect((await app.rest(world.root, 'POST /v1/sessions/revoke', { principalArn: providerArn, subject: 'mallory' })).body).toEqual({ revoked: 2, effectiveWithinSeconds: 1 });
      for (const over of [mallory, chained as AssumeRoleWithWebIdentityCommandOutput]) await expect(who(over)).rejects.toMatchObject(gone);
      await who(alice);
      expect(await app.rest(world.root, 'POST /v1/sessions/revoke', { principalArn: providerArn, subject: 'nobody' })).toMatchObject({ status: 404, body: { code: 'NoSuchEntity', detail: `No session of nobody is known, for whom ${providerArn} vouched.` } });
      expect((await app.rest(world.root, 'POST /v1/sessions/revoke', { principalArn: arn, subject: 'mallory' })).status).toBe(400);
    });

    it('are ended for all for whom a provider vouched, and only those', async () => {
      const { arn } = await role();
      const user = await world.user(`bob-${String(roles)}`);
      const other = await world.session(user, await world.role(`of-bob-${String(roles)}`, trusts(user.arn)));
      const [first, second] = [await of('first', arn), await of('second', arn)];
      expect((await app.rest(world.root, 'POST /v1/sessions/revoke', { principalArn: providerArn })).status).toBe(200);
      for (const over of [first, second]) await expect(who(over)).rejects.toMatchObject(gone);
      await app.sts(other).send(new GetCallerIdentityCommand());
      app.clock.advance(60);
      await who(await of('first', arn));
    });
  });
});
