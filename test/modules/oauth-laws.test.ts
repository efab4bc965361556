import fc from 'fast-check';

import { Revocations } from '../../src/sessions/revocations.js';
import { effectOf } from '../support/calls.js';
import { TestApp } from '../support/app.js';
import { JWT, OAuth } from '../support/oauth.js';
import { LOOKS, Sessions } from '../support/sessions.js';
import { allows, keysOf, trusts, World } from '../support/world.js';

const looks = fc.subarray([...LOOKS]);
const actions = (of: readonly string[]): string[] => ['sts:*', ...of];

describe('whatever is exchanged', () => {
  let app: TestApp;
  let beside: TestApp;
  let world: World;
  let oauth: OAuth;
  let count = 0;

  beforeAll(async () => {
    app = await TestApp.boot();
    beside = await TestApp.boot({ beside: app });
    world = await new World(app).account('laws');
    oauth = new OAuth(app);
    await oauth.enable(world);
  });
  afterAll(async () => {
    await beside.close();
    await app.close();
  });

  it('never may more than its role, its scope and what narrowed its subject, and never lasts longer', async () => {
    const sessions = new Sessions(app);
    const alice = await world.user('alice', allows('sts:*'));
    const first = await world.role('first', trusts(alice.arn), { policy: allows('*') });
    await fc.assert(
      fc.asyncProperty(looks, fc.option(looks, { nil: undefined }), fc.option(looks, { nil: undefined }), fc.boolean(), fc.integer({ min: 900, max: 3600 }), async (role, scope, narrowed, byToken, DurationSeconds) => {
        const target = await world.role(`target-${String((count += 1))}`, trusts(first.arn), { policy: allows(actions(role)) });
        const { Credentials } = await sessions.assume(alice, first, { DurationSeconds, ...(narrowed && { Policy: JSON.stringify(allows(actions(narrowed))) }) });
        const subject = keysOf(Credentials);
        const form = { resource: target.arn, scope: scope && actions(scope).join(' ') };
        const exchanged = byToken ? await oauth.credentials({ ...form, subject_token: await oauth.jwt(subject, { DurationSeconds: 300 }) }) : await oauth.credentials(form, subject);
        const within = (ceiling: string[] | undefined, look: string): boolean => ceiling?.includes(look) ?? true;
        expect(await sessions.looksOf(exchanged)).toEqual(LOOKS.filter((look) => role.includes(look) && within(scope, look) && within(narrowed, look)));
        const { body } = await oauth.introspect(exchanged.sessionToken, world.root);
        expect(body['exp']).toBe(Math.floor(app.clock.now().getTime() / 1000) + (byToken ? 300 : DurationSeconds));
      }),
      { numRuns: 25, seed: 20261125 },
    );
  });

  it('never comes to more, or to longer, however often it is exchanged, by token or by session, with or without an actor', async () => {
    const sessions = new Sessions(app);
    const [alice, agent] = [await world.user('alice-again', allows('sts:*')), await world.user('agent', allows('sts:*'))];
    const everybody = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Principal: { AWS: world.root.account }, Action: ['sts:AssumeRole', 'sts:SetContext'] }] };
    const target = await world.role('again', everybody, { policy: allows('*') });
    const step = fc.record({ scope: fc.option(looks, { nil: undefined }), byToken: fc.boolean(), acts: fc.boolean(), actorSeconds: fc.integer({ min: 300, max: 3600 }), waits: fc.integer({ min: 0, max: 30 }) });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 4 }), async (steps) => {
        let held = keysOf((await sessions.assume(alice, target, { DurationSeconds: 1_800 })).Credentials);
        let [may, end, actors] = [[...LOOKS] as string[], Math.floor(app.clock.now().getTime() / 1000) + 1_800, 0];
        for (const { scope, byToken, acts, actorSeconds, waits } of steps) {
          app.clock.advance(waits);
          const now = Math.floor(app.clock.now().getTime() / 1000);
          const actor = acts ? { actor_token: await oauth.jwt(agent, { DurationSeconds: actorSeconds }), actor_token_type: JWT } : {};
          const form = { resource: target.arn, scope: scope && actions([...scope, 'stint:*']).join(' '), ...actor };
          const seconds = Math.min(end - now, 900);
          const asked = byToken ? { ...form, subject_token: await oauth.jwt(held, { DurationSeconds: seconds }) } : form;
          held = await oauth.credentials(asked, byToken ? undefined : held);
          end = Math.min(end, byToken ? now + seconds : end, acts ? now + actorSeconds : end);
          may = may.filter((look) => scope?.includes(look as (typeof LOOKS)[number]) ?? true);
          actors += acts ? 1 : 0;
          expect(await sessions.looksOf(held)).toEqual(may);
          expect((await oauth.introspect(held.sessionToken, world.root)).body).toMatchObject({ active: true, exp: end });
        }
        const token = await oauth.token({ resource: target.arn }, held);
        let depth = 0;
        for (let act = (await oauth.introspect(token, world.root)).body['act'] as { act?: object } | undefined; act !== undefined; act = act.act) depth += 1;
        expect(depth).toBe(actors);
      }),
      { numRuns: 12, seed: 20261125 },
    );
  });

  it('is the same on another node, and ends there as well', async () => {
    const bob = await world.user('bob', allows('sts:*'));
    const role = await world.role('shared', trusts(bob.arn), { policy: allows('sts:*') });
    // The issuer of a token has the name of the node that was asked, where no public address is configured.
    const near = await oauth.credentials({ subject_token: await oauth.jwt(bob), resource: role.arn });
    const there = new OAuth(beside);
    expect((await there.introspect(near.sessionToken, world.root)).body).toMatchObject({ active: true });
    const { result } = await effectOf(app, () => oauth.revoke(near.sessionToken, world.root));
    expect(result.status).toBe(200);
    await beside.running.app.get(Revocations).refresh();
    expect((await there.introspect(near.sessionToken, world.root)).body).toEqual({ active: false });
  });
});
