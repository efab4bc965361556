import { join } from 'node:path';

import { AssumeRoleCommand, STSClient } from '@aws-sdk/client-sts';

import { Program } from '../support/program.js';
import { trustedUser, whoIs } from '../support/story.js';
import { keysOf } from '../support/world.js';

jest.setTimeout(300_000);

describe('the log', () => {
  afterAll(() => Program.cleanUp());

  it('is one JSON object a line on standard output, tells requests by their ids, and holds no secret', async () => {
    const masterKey = Buffer.alloc(32, 'master').toString('base64');
    const program = await Program.started(join(await Program.folder(), 'data'), { STINT_LOG_LEVEL: 'trace', STINT_MASTER_KEY: masterKey });
    const root = await program.root();
    const { user, roleArn } = await trustedUser(program.url, root);
    const sts = new STSClient({ endpoint: program.url, region: 'us-east-1', credentials: { ...user }, maxAttempts: 1 });
    const assumed = await sts.send(new AssumeRoleCommand({ RoleArn: roleArn, RoleSessionName: 'logged' }));
    const refused: unknown = await sts.send(new AssumeRoleCommand({ RoleArn: `${roleArn}-not`, RoleSessionName: 'logged' })).catch((error: unknown) => error);
    const session = keysOf(assumed.Credentials);
    await whoIs(program.url, session);
    await expect(whoIs(program.url, { ...session, secretAccessKey: user.secretAccessKey })).rejects.toMatchObject({ name: 'SignatureDoesNotMatch' });
    await expect(whoIs(program.url, { ...session, sessionToken: `${session.sessionToken}x` })).rejects.toMatchObject({ name: 'InvalidClientTokenId' });
    const malformed = await fetch(program.url, { method: 'POST', headers: { authorization: 'AWS4-HMAC-SHA256 sesame', cookie: 'sesame' }, body: 'Action=CreateUser&UserName=sesame' });
    sts.destroy();
    const password = await program.databasePassword();
    await program.stop();

    const requestIds = program.log.flatMap((line) => (line['msg'] === 'request' ? [line['requestId']] : []));
    const { requestId: refusedId } = (refused as { $metadata: { requestId?: string } }).$metadata;
    expect(requestIds).toEqual(expect.arrayContaining([assumed.$metadata.requestId, refusedId, malformed.headers.get('x-amzn-requestid')]));
    expect(new Set(requestIds).size).toBe(requestIds.length);
    const secrets = [root.secretAccessKey, user.secretAccessKey, session.secretAccessKey, session.sessionToken, masterKey, password, 'sesame'];
    const text = program.out.join('\n');
    expect(secrets.filter((secret) => text.includes(secret))).toEqual([]);
    expect(program.err.filter((line) => /^\S/.test(line) && !/^(Stint listens|This is its first|Try it|REST API)/.test(line))).toEqual([]);
  });
});
