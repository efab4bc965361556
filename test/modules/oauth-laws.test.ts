import fc from 'fast-check';

import { Revocations } from '../../src/sessions/revocations.js';
import { effectOf } from '../support/calls.js';
import { TestApp } from '../support/app.js';
import { OAuth } from '../support/oauth.js';
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
