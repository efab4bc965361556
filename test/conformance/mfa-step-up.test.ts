import { TestApp, type Keys } from '../support/app.js';
import { Authenticator } from '../support/authenticator.js';
import { call, type Face, type Input } from '../support/calls.js';
import { Sessions } from '../support/sessions.js';
import { allows, allowsUnder, denies, together, trusts, World, type Document, type User } from '../support/world.js';

const present = { Bool: { 'aws:MultiFactorAuthPresent': 'true' } };
const younger = (seconds: number): Document => ({ NumericLessThan: { 'aws:MultiFactorAuthAge': String(seconds) } });
const deniesUnder = (condition: Document, action: string): Document => ({ Version: '2012-10-17', Statement: [{ Effect: 'Deny', Action: action, Resource: '*', Condition: condition }] });

/** What a refusal says about MFA. */
interface Hint {
  readonly code: string | undefined;
  readonly required: string | null;
  readonly maxAge: string | null;
}
const none = { code: 'AccessDenied', required: null, maxAge: null };
const mfa = { ...none, required: 'true' };

let app: TestApp;
let sessions: Sessions;
let home: World;
let count = 0;
const fresh = (what: string): string => `${what}-${String((count += 1))}`;

beforeAll(async () => {
  app = await TestApp.boot();
  sessions = new Sessions(app);
  home = new World(app);
});
afterAll(() => app.close());

async function holder(policy: Document): Promise<{ user: User; device: Authenticator }> {
  const user = await home.user(fresh('user'), policy);
  const device = await Authenticator.enabled(app, home.root, user.name);
  device.next();
  return { user, device };
}

/** Asks, on a face, and answers what the refusal says in its headers, which is what it says in its body where it is asked over REST. */
async function hint(face: Face, keys: Keys, asked: { operation: string; input: Input }): Promise<Hint> {
  let headers = new Headers();
  const send = app.send.bind(app);
  app.send = async (request) => {
    const answer = await send(request);
    headers = answer.headers;
    return answer;
  };
  try {
    const { code, text } = await call(app, face, { ...asked, keys });
    const said = { required: headers.get('x-stint-mfa-required'), maxAge: headers.get('x-stint-mfa-max-age-seconds') };
    const { mfaRequired, mfaMaxAgeSeconds } = JSON.parse(text) as { mfaRequired?: boolean; mfaMaxAgeSeconds?: number };
    const body = { required: mfaRequired === undefined ? null : String(mfaRequired), maxAge: mfaMaxAgeSeconds === undefined ? null : String(mfaMaxAgeSeconds) };
    expect(body).toEqual(face === 'rest' ? said : { required: null, maxAge: null });
    return { code, ...said };
  } finally {
    app.send = send;
  }
}
const list = { operation: 'ListUsers', input: {} };

describe.each<Face>(['query', 'rest'])('a refusal on the %s face', (face) => {
  it('says that MFA would have helped, and it does', async () => {
    const { user, device } = await holder(allowsUnder(present, 'iam:ListUsers'));
    expect(await hint(face, user, list)).toEqual(mfa);
    const session = await sessions.sessionToken(user, device.given());
    expect(await hint(face, session, list)).toEqual({ code: undefined, required: null, maxAge: null });
  });

  it('says how lately it must have been used', async () => {
    const { user, device } = await holder(together(allows('iam:ListUsers'), deniesUnder({ NumericGreaterThanIfExists: { 'aws:MultiFactorAuthAge': '90' } }, 'iam:*'), deniesUnder({ Null: { 'aws:MultiFactorAuthAge': 'true' } }, 'iam:*')));
    expect(await hint(face, user, list)).toEqual({ ...mfa, maxAge: '90' });
    const session = await sessions.sessionToken(user, device.given());
    app.clock.advance(90);
    expect((await hint(face, session, list)).code).toBeUndefined();
    app.clock.advance(1);
    expect(await hint(face, session, list)).toEqual({ ...mfa, maxAge: '90' });
    expect((await hint(face, await sessions.sessionToken(user, device.given()), list)).code).toBeUndefined();
  });

  it('says nothing where MFA would not have helped', async () => {
    const { user, device } = await holder(together(allowsUnder(present, 'iam:ListUsers'), denies('iam:ListUsers')));
    expect(await hint(face, user, list)).toEqual(none);
    expect(await hint(face, user, { operation: 'ListRoles', input: {} })).toEqual(none);
    const session = await sessions.sessionToken(user, device.given());
    expect(await hint(face, session, list)).toEqual(none);
  });

  it('says nothing to the session of a role, whose MFA nobody asks for', async () => {
    const { user } = await holder(allows('sts:AssumeRole'));
    const role = await home.role(fresh('role'), trusts(user.arn), { policy: allowsUnder(present, 'iam:ListUsers') });
    expect(await hint(face, await sessions.assumed(user, role), list)).toEqual(none);
  });

  it('says nothing where one of two tags is what is refused whoever asks', async () => {
    const PolicyArn = await home.policy(fresh('tagged'), allows('iam:GetUser'), { tags: [{ Key: 'Team', Value: 'a' }, { Key: 'team', Value: 'b' }] });
    const get = { operation: 'GetPolicy', input: { PolicyArn } };
    const careful = await holder(allowsUnder(present, 'iam:GetPolicy'));
    expect(await hint(face, careful.user, get)).toEqual(mfa);
    for (const team of ['a', 'b']) {
      const { user } = await holder(together(allowsUnder(present, 'iam:GetPolicy'), deniesUnder({ StringEquals: { 'aws:ResourceTag/team': team } }, 'iam:GetPolicy')));
      expect(await hint(face, user, get)).toEqual(none);
    }
  });

  it('says so where the trust policy of a role of the account asks for it, and tells nothing of another account’s', async () => {
    const { user, device } = await holder(allows('sts:AssumeRole'));
    const assume = (RoleArn: string) => ({ operation: 'AssumeRole', input: { RoleArn, RoleSessionName: 'job' } });
    const own = await home.role(fresh('role'), trusts(home.root.account, { ...present, ...younger(60) }));
    expect(await hint(face, user, assume(own.arn))).toEqual({ ...mfa, maxAge: '60' });
    expect(await hint(face, user, { ...assume(own.arn), input: { ...assume(own.arn).input, ...device.given() } })).toEqual({ code: undefined, required: null, maxAge: null });
    const abroad = await home.account(fresh('account'));
    const theirs = await abroad.role(fresh('role'), trusts(home.root.account, present));
    expect(await hint(face, user, assume(theirs.arn))).toEqual(none);
    expect(await hint(face, user, assume(`${theirs.arn}-none`))).toEqual(none);
    // What his own policies ask for is no secret.
    const careful = await holder(allowsUnder(present, 'sts:AssumeRole'));
    for (const arn of [theirs.arn, `${theirs.arn}-none`]) expect(await hint(face, careful.user, assume(arn))).toEqual(mfa);
  });
});
