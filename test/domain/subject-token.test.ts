import fc from 'fast-check';

import { SealingKey } from '../../src/domain/aead.js';
import { accountId } from '../../src/domain/arn.js';
import type { Holder, SessionFacts } from '../../src/domain/principal.js';
import { seal, type KeyRing } from '../../src/domain/sealing.js';
import { endings } from '../../src/domain/session-chain.js';
import { packed } from '../../src/domain/session-packing.js';
import { openSession } from '../../src/domain/session-token.js';
import { chainOfToken, HOLDER_CLAIM, openSubject, sealSubject, SUBJECT_CLAIM, type Sealed } from '../../src/domain/subject-token.js';

const ringOf = (id: number, fill: number): KeyRing => {
  const current = { id, key: new SealingKey(Buffer.alloc(32, fill)) };
  return { current, byId: (asked) => (asked === id ? current : undefined) };
};
const ring = ringOf(7, 1);
const nonce = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWX');
const account = accountId('123456789012');
const issuedAt = new Date('2026-11-25T10:00:00.123Z');
const tokenId = '0190a0f0-0000-7000-8000-000000000000';
const link = (sessionId: string, principalId: string, at = issuedAt): SessionFacts['chain'][number] => ({ sessionId, principalId, issuedAt: at });
const session: SessionFacts = {
  sessionId: 's2', origin: 'AssumeRole', issuedAt, expiresAt: new Date('2026-11-25T11:00:00Z'), startedBy: 'AIDAALICE', chain: [link('s1', 'AROAGATE', new Date(0)), link('s2', 'AROAWORK')],
  beside: [{ startedBy: 'AIDAAGENT', chain: [link('a1', 'AROAAGENT'), link('s2', 'AROAWORK')] }],
  tags: [{ Key: 'team', Value: 'blue' }], transitiveTagKeys: ['team'], scopedDown: ['{}'], policies: { inline: '{}', arns: [] }, ceilings: [{ arns: ['arn:aws:iam::aws:policy/A'] }],
  delegates: [{ arn: 'arn', subject: 'agent', issuer: 'https://idp.example' }], sourceIdentity: 'alice',
};
const alice: Holder = { kind: 'user', account, accessKeyId: 'AKIAIOSFODNN7EXAMPLE', userId: 'AIDAALICE', userName: 'alice', path: '/' };
const root: Holder = { kind: 'root', account, accessKeyId: 'AKIAIOSFODNN7EXAMPLF' };
const work: Holder = { kind: 'assumed-role', account, accessKeyId: 'ASIAIOSFODNN7EXAMPLE', roleId: 'AROAWORK', roleName: 'work', rolePath: '/', sessionName: 'alice', session };
const claims = [SUBJECT_CLAIM, HOLDER_CLAIM] as const;

function opened(text: string, claim: (typeof claims)[number] = SUBJECT_CLAIM, id = tokenId, by = ring): Sealed | undefined {
  const found = openSubject(by, { claim, text, tokenId: id });
  return found !== undefined && 'opened' in found ? found.opened : undefined;
}
const sealed = (holder: Holder, claim: (typeof claims)[number] = SUBJECT_CLAIM): string => sealSubject(ring, { claim, tokenId, holder, issuedAt }, nonce);

describe.each(claims)('what is sealed for %s', (claim) => {
  const other = claims.find((one) => one !== claim) ?? claim;

  it.each([['a user', alice, 'AIDAALICE'], ['root', root, '123456789012']] as const)('names the key and the unique id of %s, and when', (_, holder, principalId) => {
    expect(opened(sealed(holder, claim), claim)).toEqual({ accessKeyId: holder.accessKeyId, principalId, issuedAt });
  });

  it('keeps all that a session was, but for its secret', () => {
    const found = opened(sealed(work, claim), claim);
    expect(found).toMatchObject({ session: { ...work, session } });
    expect(found !== undefined && 'session' in found && found.session.secret.reveal()).toBe('-');
  });

  it('opens for no other claim, token or ring, and is no session token', () => {
    for (const holder of [alice, work]) {
      const text = sealed(holder, claim);
      expect([opened(text, other), opened(text, claim, `${tokenId}0`), opened(text, claim, ''), opened(text, claim, tokenId, ringOf(7, 2))]).toEqual([undefined, undefined, undefined, undefined]);
      expect(openSession(ring, Buffer.from(text, 'base64url').toString('base64'), holder.accessKeyId)).toBeUndefined();
      expect(openSubject(ringOf(8, 1), { claim, text, tokenId })).toEqual({ unknownKey: 7 });
    }
  });

  it('shows nothing in the clear, and opens with no bit changed', () => {
    const text = sealed(alice, claim);
    const bytes = Buffer.from(text, 'base64url');
    for (const word of [alice.accessKeyId, 'AIDAALICE']) expect(bytes.includes(word)).toBe(false);
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const changed = Buffer.from(bytes);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      expect(opened(changed.toString('base64url'), claim)).toBeUndefined();
    }
  });

  it.each(['', 'x', '====', 'A'.repeat(100), ' ', 'é'])('is nothing else: %j', (text) => {
    expect(openSubject(ring, { claim, text, tokenId })).toBeUndefined();
    expect(openSubject(ring, { claim, text: `${sealed(alice, claim)}${text}`, tokenId })).toEqual(text === '' ? { opened: expect.anything() } : undefined);
  });
});

it.each(['{}', '{"key":', '[]', '{"session":["ASIA","{}"]}'])('what was sealed in another form opens to nothing: %s', (text) => {
  for (const plaintext of [packed(text), Buffer.from(text)]) {
    const bytes = seal(ring, { plaintext, label: `subject-token:${tokenId}` }, nonce);
    expect(opened(bytes.toString('base64url'))).toBeUndefined();
  }
});

it('whatever key it was, and whenever, is what opens', () => {
  fc.assert(fc.property(fc.string({ minLength: 1, maxLength: 30 }), fc.string({ minLength: 1, maxLength: 30 }), fc.date({ noInvalidDate: true }), fc.constantFrom(...claims), (accessKeyId, userId, at, claim) => {
    const holder: Holder = { ...alice, accessKeyId, userId };
    expect(opened(sealSubject(ring, { claim, tokenId, holder, issuedAt: at }, nonce), claim)).toEqual({ accessKeyId, principalId: userId, issuedAt: at });
  }));
});

describe('what a token ends with', () => {
  it('is its session, and all that this ends with', () => {
    const found = opened(sealed(work));
    expect(found !== undefined && endings(chainOfToken(found, tokenId))).toEqual(endings(session));
  });

  it('is itself, where no session is behind it, and whoever obtained it', () => {
    const found = opened(sealed(alice));
    expect(found !== undefined && endings(chainOfToken(found, tokenId))).toEqual([[`session:${tokenId}`, issuedAt], [`chain:${tokenId}`, issuedAt], ['principal:AIDAALICE', issuedAt]]);
  });
});
