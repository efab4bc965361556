import { format, inspect } from 'node:util';
import fc from 'fast-check';
import { accountId, assumedRoleArn, iamArn, isAccountId, parseArn, rootArn } from '../../src/domain/arn.js';
import * as ids from '../../src/domain/ids.js';
import { callerArn, callerUserId, policyOwnerId, principalArn, principalId, type Caller, type SessionFacts } from '../../src/domain/principal.js';
import { Secret, sameSecret } from '../../src/domain/secret.js';

const random = (length: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength: length, maxLength: length });

describe('an ARN', () => {
  it('has six parts, and colons in its resource', () => {
    expect(parseArn('arn:aws:logs:eu-central-1:123456789012:log-group:a:*')).toEqual({
      partition: 'aws', service: 'logs', region: 'eu-central-1', account: '123456789012', resource: 'log-group:a:*',
    });
    expect(parseArn('arn:aws:s3:::bucket')).toMatchObject({ region: '', account: '', resource: 'bucket' });
  });

  it.each([
    'nothing-valid-in-here', 'arn::b:::something/x', 'arn:a::::something/x', 'arn:a:::something/x', 'arn:a:a::aaaaaaaaaa:', '', 'ARN:aws:s3:::b',
  ])('is not %p', text => {
    expect(parseArn(text)).toBeUndefined();
  });

  it('is made for root, users, roles and role sessions', () => {
    expect(rootArn('123456789012')).toBe('arn:aws:iam::123456789012:root');
    expect(iamArn('123456789012', 'user', '/a/b/alice')).toBe('arn:aws:iam::123456789012:user/a/b/alice');
    expect(iamArn('123456789012', 'role', '/deploy')).toBe('arn:aws:iam::123456789012:role/deploy');
    expect(assumedRoleArn('123456789012', 'deploy', 's1')).toBe('arn:aws:sts::123456789012:assumed-role/deploy/s1');
  });
});

describe('an account id', () => {
  it('has 12 digits', () => {
    expect(accountId('012345678901')).toBe('012345678901');
    for (const text of ['12345678901', '1234567890123', '12345678901a', '', ' 123456789012', '123456789012\n', '１２３４５６７８９０１２']) {
      expect([text, isAccountId(text)]).toEqual([text, false]);
      expect(() => accountId(text)).toThrow(RangeError);
    }
  });

  it('is made from any bytes, and never begins with 0', () => {
    fc.assert(fc.property(random(ids.ACCOUNT_ID_BYTES), bytes => {
      expect(ids.newAccountId(bytes)).toMatch(/^[1-9]\d{11}$/);
    }));
    expect(ids.newAccountId(Buffer.alloc(16))).toBe('100000000000');
    expect(ids.newAccountId(Buffer.from(899_999_999_999n.toString(16).padStart(32, '0'), 'hex'))).toBe('999999999999');
    expect(ids.newAccountId(Buffer.from(900_000_000_000n.toString(16).padStart(32, '0'), 'hex'))).toBe('100000000000');
  });
});

describe('ids', () => {
  it('have the lengths and letters of AWS', () => {
    fc.assert(fc.property(random(ids.ENTITY_ID_BYTES), random(ids.ACCESS_KEY_ID_BYTES), (entity, access) => {
      expect(ids.entityId('AROA', entity)).toMatch(/^AROA[A-Z2-7]{17}$/);
      const key = ids.accessKeyId('ASIA', access);
      expect(key).toHaveLength(20);
      expect(ids.isAccessKeyId(key)).toBe(true);
    }));
  });

  it('use every letter equally often', () => {
    const counts = new Map<string, number>();
    for (let byte = 0; byte < 256; byte += 1) {
      const letter = ids.accessKeyId('AKIA', new Uint8Array(ids.ACCESS_KEY_ID_BYTES).fill(byte)).charAt(4);
      counts.set(letter, (counts.get(letter) ?? 0) + 1);
    }
    expect([...counts.keys()].sort().join('')).toBe('234567ABCDEFGHIJKLMNOPQRSTUVWXYZ');
    expect(new Set(counts.values())).toEqual(new Set([8]));
  });

  it('depend on every byte', () => {
    const zero = ids.entityId('AIDA', new Uint8Array(17));
    for (let index = 0; index < 17; index += 1) {
      const bytes = new Uint8Array(17);
      bytes[index] = 1;
      expect(ids.entityId('AIDA', bytes)).not.toBe(zero);
    }
  });

  it('are not made from too few or too many bytes', () => {
    expect(() => ids.entityId('AIDA', new Uint8Array(16))).toThrow(RangeError);
    expect(() => ids.accessKeyId('AKIA', new Uint8Array(17))).toThrow(RangeError);
    expect(() => ids.secretAccessKey(new Uint8Array(29))).toThrow(RangeError);
    expect(() => ids.newAccountId(new Uint8Array(15))).toThrow(RangeError);
  });

  it.each(['AKIAIOSFODNN7EXAMPL', 'AKIAIOSFODNN7EXAMPLEE', 'akiaiosfodnn7example', 'AROAIOSFODNN7EXAMPLE', 'AKIAIOSFODNN7EXAMPL1', '', 'AKIAIOSFODNN7EXAMPLE\n'])(
    'of access keys do not look like %p',
    text => {
      expect(ids.isAccessKeyId(text)).toBe(false);
    },
  );

  it('come with secrets of 40 characters', () => {
    fc.assert(fc.property(random(ids.SECRET_ACCESS_KEY_BYTES), bytes => {
      expect(ids.secretAccessKey(bytes).reveal()).toMatch(/^[A-Za-z0-9+/]{40}$/);
    }));
  });
});

describe('a secret', () => {
  const text = 'wJalrXUtnFEMI';
  const secret = Secret.of(text);

  it('prints as [secret] wherever it ends up', () => {
    const asText = secret as unknown as string;
    const printed = [
      String(secret),
      `<${asText}>`,
      ['in a list', asText].join(),
      JSON.stringify({ secret }),
      inspect(secret),
      inspect({ nested: [secret] }, { depth: 9, showHidden: true }),
      format('%s %o %O %j', secret, secret, secret, secret),
      new Error('failed', { cause: secret }).stack ?? '',
      inspect(new Error('failed', { cause: secret })),
      Object.entries(secret).join(),
      inspect(new Map([['key', secret]])),
    ];
    for (const line of printed) expect(line).not.toContain(text);
    expect(inspect(secret)).toBe('[secret]');
    expect(JSON.stringify({ secret })).toBe('{"secret":"[secret]"}');
    expect(secret.reveal()).toBe(text);
  });

  it('is compared by its whole text', () => {
    expect(sameSecret(text, text)).toBe(true);
    expect(sameSecret('', '')).toBe(true);
    for (const other of ['', text.slice(1), `${text} `, text.toLowerCase()]) expect(sameSecret(text, other)).toBe(false);
  });
});

describe('a caller', () => {
  const account = accountId('123456789012');
  const issuedAt = new Date('2026-01-01T00:00:00Z');
  const session: SessionFacts = {
    sessionId: 'a', origin: 'AssumeRole', issuedAt, expiresAt: new Date('2026-01-01T01:00:00Z'), chain: [{ sessionId: 'a', principalId: 'AROAX', issuedAt }],
    startedBy: 'AIDAX', tags: [], transitiveTagKeys: [], scopedDown: [],
  };
  const user = { kind: 'user', account, accessKeyId: 'AKIA', userId: 'AIDAX', userName: 'alice', path: '/team/' } as const;
  const root = { kind: 'root', account, accessKeyId: 'AKIA' } as const;
  const guest = { kind: 'federated-user', account, accessKeyId: 'ASIA', name: 'guest', session: { ...session, origin: 'GetFederationToken' } } as const;
  const ofUser = { arn: 'arn:aws:iam::123456789012:user/team/alice', principal: 'arn:aws:iam::123456789012:user/team/alice', userId: 'AIDAX', id: 'AIDAX', policiesOf: 'AIDAX' };
  const ofRoot = { arn: 'arn:aws:iam::123456789012:root', principal: 'arn:aws:iam::123456789012:root', userId: '123456789012', id: '123456789012', policiesOf: '123456789012' };
  const ofGuest = { arn: 'arn:aws:sts::123456789012:federated-user/guest', principal: 'arn:aws:sts::123456789012:federated-user/guest', userId: '123456789012:guest', id: '123456789012:guest' };
  const rows: [what: string, caller: Caller, shown: typeof ofUser][] = [
    ['root', root, ofRoot],
    ['root in a session', { ...root, accessKeyId: 'ASIA', session: { ...session, origin: 'GetSessionToken' } }, ofRoot],
    ['root borrowed by somebody', { ...root, accessKeyId: 'ASIA', session: { ...session, origin: 'AssumeRoot' } }, ofRoot],
    ['a user', user, ofUser],
    ['a user in a session', { ...user, accessKeyId: 'ASIA', session: { ...session, origin: 'GetSessionToken', mfaAt: issuedAt } }, ofUser],
    ['a user of the path /', { ...user, path: '/' }, { ...ofUser, arn: 'arn:aws:iam::123456789012:user/alice', principal: 'arn:aws:iam::123456789012:user/alice' }],
    [
      'a role session',
      { kind: 'assumed-role', account, accessKeyId: 'ASIA', roleId: 'AROAX', roleName: 'deploy', rolePath: '/ci/', sessionName: 's1', session },
      { arn: 'arn:aws:sts::123456789012:assumed-role/deploy/s1', principal: 'arn:aws:iam::123456789012:role/ci/deploy', userId: 'AROAX:s1', id: 'AROAX', policiesOf: 'AROAX' },
    ],
    ['a federated user', { ...guest, by: { userId: 'AIDAX', userName: 'alice', path: '/team/' } }, { ...ofGuest, policiesOf: 'AIDAX' }],
    ['somebody whom root federated', guest, { ...ofGuest, policiesOf: '123456789012' }],
  ];

  it.each(rows)('who is %s has the ARNs and ids that AWS shows, and the policies of whoever lent them', (_, caller, shown) => {
    expect({ arn: callerArn(caller), principal: principalArn(caller), userId: callerUserId(caller), id: principalId(caller), policiesOf: policyOwnerId(caller) }).toEqual(shown);
  });
});
