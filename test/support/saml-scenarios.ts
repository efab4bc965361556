import { createHash } from 'node:crypto';

import type { Input } from './calls.js';
import { attribute } from './saml-idp.js';
import { principalTag, SamlProvider, sourceIdentity, transitive, type Different } from './saml-world.js';
import type { Scenario } from './scenarios.js';
import { allows, trusts, type World } from './world.js';

const operation = 'AssumeRoleWithSAML';
const read = allows('iam:GetUser');
const noise = (length: number, seed: string): string => {
  let text = '';
  for (let index = 0; text.length < length; index += 1) text += createHash('sha256').update(`${seed}/${String(index)}`).digest('base64url');
  return text.slice(0, length);
};
const manyTags = Array.from({ length: 50 }, (_, index) => principalTag(`k${String(index)}-${noise(90, `key ${String(index)}`)}`, noise(200, `value ${String(index)}`))).join('');

const answering = (different: Different = {}, input: Input = {}, principal?: Input) => async (world: World): Promise<{ input: Input }> => {
  const provider = await SamlProvider.register(world);
  const role = await world.role('federated', trusts(principal ?? { Federated: provider.arn }, undefined, ['sts:AssumeRoleWithSAML', 'sts:TagSession', 'sts:SetSourceIdentity']), { policy: read });
  return { input: provider.input(role.arn, { id: '_scenario', ...different }, input) };
};

export const samlScenarios: readonly Scenario[] = [
  { operation, title: 'with a response', expected: 'ok', prepare: answering() },
  { operation, title: 'with everything', expected: 'ok', prepare: answering({ attributes: principalTag('team', 'blue') + transitive('team') + sourceIdentity('alice') + attribute('urn:oid:0.9.2342.19200300.100.1.3', 'alice@example.com') }, { Policy: JSON.stringify(read), PolicyArns: [{ arn: 'arn:aws:iam::aws:policy/ReadOnlyAccess' }], DurationSeconds: 900, MinimumSessionTokenSize: 1000 }) },
  { operation, title: 'for a role that trusts nobody of it', expected: 'AccessDenied', prepare: answering({}, {}, { Service: 'ec2.amazonaws.com' }) },
  { operation, title: 'for longer than the role may', expected: 'ValidationError', prepare: answering({}, { DurationSeconds: 3601 }) },
  { operation, title: 'with a response that is too old', expected: 'ExpiredTokenException', prepare: answering({ age: 300 }) },
  { operation, title: 'with one that was used before', expected: 'InvalidIdentityToken', prepare: async (world) => {
    const prepared = await answering()(world);
    const { status } = await world.app.send({ method: 'POST', path: '/v1/sessions/assume-role-with-saml', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ roleArn: prepared.input['RoleArn'], principalArn: prepared.input['PrincipalArn'], samlAssertion: prepared.input['SAMLAssertion'] }) });
    if (status !== 200) throw new Error(`the response was not taken: ${String(status)}`);
    return prepared;
  } },
  { operation, title: 'with one that says that nobody was let in', expected: 'IDPRejectedClaim', prepare: answering({ status: 'urn:oasis:names:tc:SAML:2.0:status:Responder' }) },
  { operation, title: 'with a session policy that is none', expected: 'MalformedPolicyDocument', prepare: answering({}, { Policy: '{}' }) },
  { operation, title: 'with more than fits', expected: 'PackedPolicyTooLarge', prepare: answering({ attributes: manyTags }, { Policy: JSON.stringify(allows('iam:GetUser', `arn:aws:iam::123456789012:user/${noise(1_950, 'policy')}`)) }) },
];
