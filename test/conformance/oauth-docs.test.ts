import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';

import { TestApp, type Keys } from '../support/app.js';
import { FixedClock } from '../support/fakes.js';
import { OAuth } from '../support/oauth.js';
import { allows, trusts, World } from '../support/world.js';

const run = promisify(execFile);

describe('the examples of docs/token-exchange.md', () => {
  let app: TestApp;

  beforeAll(async () => {
    // curl signs with the time of the machine.
    app = await TestApp.boot({ clock: new FixedClock(new Date()) });
  });
  afterAll(() => app.close());

  it('do what is said of them', async () => {
    const world = await new World(app).account('examples');
    const oauth = new OAuth(app);
    await oauth.enable(world);
    const alice = await world.user('alice', allows('sts:*'));
    const first = await world.role('first', trusts(alice.arn), { policy: allows('*') });
    const role = await world.role('role', trusts([alice.arn, first.arn]), { policy: allows('*') });
    const session: Keys = await world.session(alice, first);
    const env = { PATH: process.env['PATH'] ?? '', STINT: app.url, ROLE: role.arn, TOKEN: await oauth.jwt(alice), AWS_ACCESS_KEY_ID: session.accessKeyId, AWS_SECRET_ACCESS_KEY: session.secretAccessKey, AWS_SESSION_TOKEN: session.sessionToken ?? '' };
    const blocks = [...readFileSync('docs/token-exchange.md', 'utf8').matchAll(/```sh\n([\s\S]*?)```/g)].map(([, script]) => script ?? '');
    const answers: string[] = [];
    for (const script of blocks) answers.push((await run('bash', ['-ec', script], { env })).stdout);
    expect(answers).toEqual([
      expect.stringContaining(`"token_endpoint":"${oauth.endpoint}"`),
      expect.stringContaining('"issued_token_type":"urn:stint:params:oauth:token-type:aws-credentials"'),
      expect.stringContaining('"token_type":"Bearer"'),
      expect.stringMatching(/^\{"active":true,[^{}]*\}$/),
    ]);
  });
});
