import { createHash } from 'node:crypto';

import { call, type Input } from './calls.js';
import type { Scenario } from './scenarios.js';
import { choose } from './trust-scenarios.js';
import { allows, trusts, type World } from './world.js';

type Claims = Readonly<Record<string, unknown>>;

/** How a call differs from a good one. */
interface Different {
  readonly input?: Input;
  readonly claims?: Claims;
  readonly condition?: Claims;
  /** Of the provider, where it is to be another one than that of the test. */
  readonly url?: string;
}

const read = allows('iam:GetUser');
/** Text that packs badly, the same in every run. */
const noise = (length: number): string => {
  let text = '';
  for (let index = 0; text.length < length; index += 1) text += createHash('sha256').update(String(index)).digest('base64url');
  return text.slice(0, length);
};
const tags = (value: string): Claims => ({ 'https://aws.amazon.com/tags': { principal_tags: { team: [value] }, transitive_tag_keys: ['team'] }, 'https://aws.amazon.com/source_identity': 'octocat' });

/** A call with a token of a provider that a role trusts; it is good unless it is said how it is not. */
export async function withToken(world: World, { input, claims, condition, url }: Different = {}): Promise<{ input: Input }> {
  const idp = await world.app.idp();
  const issuer = url ?? idp.issuer;
  const asked = { Url: issuer, ClientIDList: ['stint'], ThumbprintList: [idp.thumbprint] };
  const { output } = await call(world.app, 'query', { operation: 'CreateOpenIDConnectProvider', keys: world.root, input: asked });
  const { openIDConnectProviderArn: arn } = output as { openIDConnectProviderArn: string };
  const actions = ['sts:AssumeRoleWithWebIdentity', 'sts:TagSession', 'sts:SetSourceIdentity'];
  const role = await world.role('federated', trusts({ Federated: arn }, condition, actions), { policy: read });
  const WebIdentityToken = await idp.token(world.app.clock.now(), { iss: issuer, ...claims });
  return { input: { RoleArn: role.arn, RoleSessionName: 'ci', WebIdentityToken, ...input } };
}

const operation = 'AssumeRoleWithWebIdentity';
const prepared = (different?: Different) => (world: World): Promise<{ input: Input }> => withToken(world, different);

export const webIdentityScenarios: readonly Scenario[] = [
  { operation, title: 'with a token', expected: 'ok', prepare: prepared() },
  { operation, title: 'with everything', expected: 'ok', prepare: prepared({ claims: tags('blue'), input: { Policy: JSON.stringify(read), PolicyArns: [{ arn: 'arn:aws:iam::aws:policy/ReadOnlyAccess' }], DurationSeconds: 900, MinimumSessionTokenSize: 1000 } }) },
  { operation, title: 'for a role that wants another one', expected: 'AccessDenied', prepare: prepared({ condition: { StringEquals: { 'aws:FederatedProvider': 'arn:aws:iam::123456789012:oidc-provider/other' } } }) },
  { operation, title: 'for a role that is not there', expected: 'AccessDenied', prepare: async (world) => {
    const good = await withToken(world);
    return { input: { ...good.input, RoleArn: `arn:aws:iam::${world.root.account}:role/nowhere` } };
  } },
  { operation, title: 'for longer than the role may', expected: 'ValidationError', prepare: prepared({ input: { DurationSeconds: 3601 } }) },
  { operation, title: 'with a token that has expired', expected: 'ExpiredTokenException', prepare: prepared({ claims: { exp: 1 } }) },
  { operation, title: 'with a token for somebody else', expected: 'InvalidIdentityToken', prepare: prepared({ claims: { aud: 'other' } }) },
  { operation, title: 'of a provider that is not trusted any more', expected: 'IDPRejectedClaim', prepare: async (world) => {
    const good = await withToken(world);
    await choose(world, { TrustedIssuersMode: 'enforce', TrustedIssuers: ['https://other.example'] });
    return good;
  } },
  { operation, title: 'of a provider that is not trusted any more, where that is only reported', expected: 'ok', prepare: async (world) => {
    const good = await withToken(world);
    await choose(world, { TrustedIssuersMode: 'report-only' });
    return good;
  } },
  { operation, title: 'of a provider that is away', expected: 'IDPCommunicationError', prepare: prepared({ url: 'https://localhost:1' }) },
  { operation, title: 'with a session policy that is none', expected: 'MalformedPolicyDocument', prepare: prepared({ input: { Policy: '{}' } }) },
  { operation, title: 'with more than fits', expected: 'PackedPolicyTooLarge', prepare: prepared({ input: { Policy: JSON.stringify(allows('iam:GetUser', `arn:aws:iam::123456789012:user/${noise(1_950)}`)), MinimumSessionTokenSize: 1000 }, claims: { 'https://aws.amazon.com/tags': { principal_tags: Object.fromEntries(Array.from({ length: 45 }, (_, index) => [`k${String(index)}-${noise(90)}`, [noise(200 + index).slice(index)]])) } } }) },
];
