import fc from 'fast-check';

import { TestApp } from '../support/app.js';
import { call } from '../support/calls.js';
import { IamModel, type Step } from '../support/iam-model.js';
import { allows, World } from '../support/world.js';

const PolicyDocument = JSON.stringify(allows('s3:GetObject'));
const UserName = fc.constantFrom('ann', 'Ann', 'bob', 'cy');
const GroupName = fc.constantFrom('devs', 'DEVS', 'ops', 'qa');
const policy = fc.constantFrom('p', 'q');
const path = fc.constantFrom('/', '/x/', undefined);
const key = fc.constantFrom('a', 'A', 'b');
const arnOf = (name: string): string => `arn:aws:iam::ACCOUNT:policy/${name}`;
const PolicyArn = policy.map(arnOf);

const step = (operation: string, input: Record<string, fc.Arbitrary<unknown>>): fc.Arbitrary<Step> => fc.record(input).map((filled) => ({ operation, input: filled }));
const inline = { PolicyName: fc.constantFrom('i', 'j') };

/** Whatever can be done with users, groups and policies, about few names, so that it meets. */
const steps = fc.oneof(
  { weight: 3, arbitrary: step('CreateUser', { UserName }) },
  { weight: 3, arbitrary: step('CreateGroup', { GroupName }) },
  { weight: 2, arbitrary: step('CreatePolicy', { PolicyName: policy, PolicyDocument: fc.constant(PolicyDocument) }) },
  { weight: 1, arbitrary: step('DeletePolicy', { PolicyArn }) },
  { weight: 2, arbitrary: step('UpdateUser', { UserName, NewUserName: fc.option(UserName, { nil: undefined }), NewPath: path }) },
  { weight: 2, arbitrary: step('UpdateGroup', { GroupName, NewGroupName: fc.option(GroupName, { nil: undefined }), NewPath: path }) },
  { weight: 2, arbitrary: step('DeleteUser', { UserName }) },
  { weight: 2, arbitrary: step('DeleteGroup', { GroupName }) },
  { weight: 5, arbitrary: step('AddUserToGroup', { UserName, GroupName }) },
  { weight: 2, arbitrary: step('RemoveUserFromGroup', { UserName, GroupName }) },
  ...(['User', 'Group'] as const).flatMap((kind) => {
    const name: Record<string, fc.Arbitrary<unknown>> = kind === 'User' ? { UserName } : { GroupName };
    return [
      { weight: 1, arbitrary: step(`Put${kind}Policy`, { ...name, ...inline, PolicyDocument: fc.constant(PolicyDocument) }) },
      { weight: 1, arbitrary: step(`Delete${kind}Policy`, { ...name, ...inline }) },
      { weight: 2, arbitrary: step(`Attach${kind}Policy`, { ...name, PolicyArn }) },
      { weight: 1, arbitrary: step(`Detach${kind}Policy`, { ...name, PolicyArn }) },
    ];
  }),
  { weight: 2, arbitrary: step('PutUserPermissionsBoundary', { UserName, PermissionsBoundary: PolicyArn }) },
  { weight: 1, arbitrary: step('DeleteUserPermissionsBoundary', { UserName }) },
  { weight: 1, arbitrary: step('TagUser', { UserName, Tags: fc.array(fc.record({ Key: key, Value: fc.constantFrom('', 'v') }), { maxLength: 1 }) }) },
  { weight: 1, arbitrary: step('UntagUser', { UserName, TagKeys: fc.array(key, { maxLength: 2 }) }) },
);

describe('whatever is done to users, groups and policies', () => {
  let app: TestApp;

  beforeAll(async () => {
    app = await TestApp.boot();
  });
  afterAll(() => app.close());

  /** Everything that is stored of an account, in the lines of the model. */
  async function stored(account: string): Promise<string[]> {
    const owner = `LEFT JOIN iam_user u USING (user_id) LEFT JOIN iam_group g USING (group_id) WHERE COALESCE(u.account_id, g.account_id) = $1`;
    const rows = await app.sql<{ line: string }>(
      `SELECT 'policy ' || policy_name AS line FROM managed_policy WHERE account_id = $1
       UNION ALL SELECT 'group ' || path || group_name FROM iam_group WHERE account_id = $1 AND name_key = lower(group_name)
       UNION ALL SELECT 'user ' || path || user_name FROM iam_user WHERE account_id = $1 AND name_key = lower(user_name)
       UNION ALL SELECT 'inline ' || COALESCE(user_name, group_name) || ' ' || policy_name FROM inline_policy ${owner}
       UNION ALL SELECT 'attached ' || COALESCE(user_name, group_name) || ' ' || split_part(policy_arn, '/', 2) FROM policy_attachment ${owner}
       UNION ALL SELECT 'member ' || user_name || ' ' || group_name FROM group_member JOIN iam_user u USING (user_id) JOIN iam_group USING (group_id) WHERE u.account_id = $1
       UNION ALL SELECT 'tag ' || user_name || ' ' || (tag ->> 'Key') || '=' || (tag ->> 'Value') FROM iam_user, jsonb_array_elements(tags) AS tag WHERE account_id = $1
       UNION ALL SELECT 'boundary ' || user_name || ' ' || m.policy_name FROM iam_user u JOIN managed_policy m ON m.policy_id = boundary_policy_id AND boundary_arn = 'arn:aws:iam::' || m.account_id || ':policy' || m.path || m.policy_name WHERE u.account_id = $1`,
      [account],
    );
    return rows.map(({ line }) => line).sort();
  }

  it('a small model says what each call answers and what is there afterwards', async () => {
    let worlds = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(steps, { minLength: 20, maxLength: 60, size: 'max' }), async (story) => {
        worlds += 1;
        const { root } = await new World(app).account(`model ${String(worlds)}`);
        const model = new IamModel();
        for (const { operation, input } of story) {
          const given = JSON.parse(JSON.stringify(input).replaceAll('ACCOUNT', root.account)) as Step['input'];
          const { code = 'ok' } = await call(app, 'query', { operation, keys: root, input: given });
          expect([operation, input, code]).toEqual([operation, input, model.apply({ operation, input: given })]);
        }
        expect(await stored(root.account)).toEqual(model.contents());
      }),
      { numRuns: 25, seed: 20_261_125 },
    );
  });
});
