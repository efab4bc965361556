import { call, type Input } from './calls.js';
import type { Scenario } from './scenarios.js';
import { trusts, type World } from './world.js';

type Prepared = Promise<{ input: Input }>;

const nothing = (input: Input = {}) => (): Prepared => Promise.resolve({ input });

/** Changes what an account has chosen about trust. */
export async function choose(world: World, input: Input): Promise<void> {
  const { code } = await call(world.app, 'rest', { operation: 'UpdateAccountSettings', keys: world.root, input });
  if (code !== undefined) throw new Error(`UpdateAccountSettings was refused: ${code}`);
}

/** A trust policy that everybody of the world fits. */
export const RISKY = JSON.stringify(trusts('*'));
const CHOICE = { TrustLinter: 'report-only', TrustedIssuersMode: 'enforce', TrustedIssuers: ['https://token.actions.githubusercontent.com'] };

/** Why the trust policy is saved all the same. */
const reason = { AcceptRisk: 'A honeypot: it may do nothing.' };
const created = (more: Input = {}): Input => ({ RoleName: 'open', AssumeRolePolicyDocument: RISKY, ...more });
const updated = (more: Input = {}) => async (world: World): Prepared => {
  await world.role('open', trusts({ Service: 'ec2.amazonaws.com' }));
  return { input: { RoleName: 'open', PolicyDocument: RISKY, ...more } };
};
/** In an account that has only risks reported, they are saved on every face. */
const reported = (prepare: (world: World) => Prepared) => async (world: World): Prepared => {
  await choose(world, { TrustLinter: 'report-only' });
  return prepare(world);
};

/** What every face must agree on about risky trust policies and about what accounts choose. */
export const trustScenarios: readonly Scenario[] = [
  { operation: 'CreateRole', title: 'that anybody may assume, where that is only reported', expected: 'ok', prepare: reported(nothing(created())) },
  { operation: 'UpdateAssumeRolePolicy', title: 'to let in anybody, where that is only reported', expected: 'ok', prepare: reported(updated()) },
  { operation: 'LintTrustPolicy', title: 'of a risky one', expected: 'ok', prepare: nothing({ PolicyDocument: RISKY }) },
  { operation: 'LintTrustPolicy', title: 'of what is none', expected: 'MalformedPolicyDocument', prepare: nothing({ PolicyDocument: '{}' }) },
  { operation: 'LintTrustPolicy', title: 'of one that is too long', expected: 'LimitExceeded', prepare: nothing({ PolicyDocument: JSON.stringify(trusts(Array.from({ length: 1_000 }, () => '123456789012'))) }) },
  { operation: 'GetAccountSettings', title: 'of an account that has chosen nothing', expected: 'ok', prepare: nothing() },
  { operation: 'GetAccountSettings', title: 'of an account that has', expected: 'ok', prepare: async (world) => {
    await choose(world, CHOICE);
    return { input: {} };
  } },
  { operation: 'UpdateAccountSettings', title: 'for the first time', expected: 'ok', prepare: nothing(CHOICE) },
  { operation: 'UpdateAccountSettings', title: 'in part', expected: 'ok', prepare: async (world) => {
    await choose(world, CHOICE);
    return { input: { TrustLinter: 'enforce' } };
  } },
  { operation: 'UpdateAccountSettings', title: 'to trust what is no issuer', expected: 'InvalidInput', prepare: nothing({ TrustedIssuers: ['http://idp.example'] }) },
];

/** Calls that are answered otherwise over REST, whose clients can say that they accept the risk. */
export const riskyCalls: readonly { readonly operation: string; readonly prepare: (world: World) => Prepared; readonly reason: Input }[] = [
  { operation: 'CreateRole', prepare: nothing(created()), reason },
  { operation: 'UpdateAssumeRolePolicy', prepare: updated(), reason },
];
