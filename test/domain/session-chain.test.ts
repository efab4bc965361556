import fc from 'fast-check';

import { ApiError } from '../../src/domain/errors.js';
import { BESIDE_MAX, CHAIN_LINKS_MAX, endedAt, endings, isEnded, joinedChain, longerChain, revocationKey, withinChain, type Chain, type ChainLink, type RevocationKey, type RevocationKind } from '../../src/domain/session-chain.js';
import { scopedDuration, type Granted } from '../../src/domain/session-rules.js';

const start = Date.UTC(2026, 10, 25, 10);
const at = (seconds: number): Date => new Date(start + seconds * 1000);
const link = (sessionId: string, principalId: string, seconds: number): ChainLink => ({ sessionId, principalId, issuedAt: at(seconds) });

/** Something that was ended: sessions of it that were issued before a time, from a time on. */
interface Revocation {
  readonly key: RevocationKey;
  readonly issuedBefore: Date;
  readonly revokedAt: Date;
}

/** What a node remembers of revocations: the latest time of each key. */
function remembered(revocations: readonly Revocation[]): (key: RevocationKey) => number | undefined {
  const known = new Map<RevocationKey, number>();
  for (const { key, issuedBefore } of revocations) known.set(key, Math.max(known.get(key) ?? -Infinity, issuedBefore.getTime()));
  return (key) => known.get(key);
}

/** Alice's session token, her session as the role A, and from there one as the role B. */
const chain: Chain = { startedBy: 'AIDAALICE', chain: [link('s1', 'AIDAALICE', 0), link('s2', 'AROAA', 100), link('s3', 'AROAB', 200)] };
const federated: Chain = { startedBy: 'AIDAALICE', chain: [link('f1', '123456789012:guest', 0)] };
/** The root user of one account, in a session of another's, and from there a session as a role. */
const borrowed: Chain = { startedBy: '111111111111', chain: [link('r1', '222222222222', 0), link('r2', 'AROAR', 10)] };
/** A role session that was scoped down. */
const scoped: Chain = { startedBy: 'AIDABOB', chain: [link('c1', 'AROAC', 0), link('c2', 'AROAC', 10)] };

describe('a session that was obtained through others', () => {
  const rows: [of: Chain, kind: RevocationKind, subject: string, before: number, ends: boolean, what: string][] = [
    [chain, 'session', 's3', 201, true, 'itself'],
    [chain, 'session', 's3', 200, false, 'itself, had it been issued earlier'],
    [chain, 'session', 's2', 101, true, 'the session it was obtained with'],
    [chain, 'session', 's2', 100, false, 'the session it was obtained with, had that been issued earlier'],
    [chain, 'session', 's1', 1, true, 'the first session'],
    [chain, 'session', 's4', 1_000, false, 'another session'],
    [chain, 'chain', 's1', 1_000, true, 'its chain'],
    [chain, 'chain', 's1', 1, true, 'what its chain was at its beginning'],
    [chain, 'chain', 's1', 0, false, 'its chain, had it begun earlier'],
    [chain, 'chain', 's2', 1_000, false, 'a chain of which it is not the first'],
    [chain, 'chain', 's3', 1_000, false, 'a chain that begins with itself'],
    [chain, 'role', 'AROAB', 201, true, 'its role'],
    [chain, 'role', 'AROAB', 200, false, 'its role, before it was issued'],
    [chain, 'role', 'AROAA', 101, true, 'the role before'],
    [chain, 'role', 'AROAA', 100, false, 'the role before, before that was assumed'],
    [chain, 'role', 'AROAX', 1_000, false, 'another role'],
    [chain, 'role', 'AIDAALICE', 1_000, false, 'a role of the id of its user'],
    [chain, 'principal', 'AIDAALICE', 201, true, 'all that its user obtained'],
    [chain, 'principal', 'AIDAALICE', 1, true, 'the first that its user obtained'],
    [chain, 'principal', 'AIDAALICE', 0, false, 'all that its user had obtained before the first'],
    [chain, 'principal', 'AROAA', 201, true, 'all that the role before obtained'],
    [chain, 'principal', 'AROAA', 200, false, 'all that the role before had obtained earlier'],
    [chain, 'principal', 'AROAB', 1_000, false, 'all that its own role obtained'],
    [chain, 'principal', 's1', 1_000, false, 'a principal of the id of a session'],
    [chain, 'session', 'AIDAALICE', 1_000, false, 'a session of the id of its user'],
    [federated, 'principal', '123456789012:guest', 1, true, 'all of the federated user'],
    [federated, 'principal', '123456789012:guest', 0, false, 'all that the federated user had before'],
    [federated, 'principal', '123456789012:other', 1_000, false, 'all of another federated user'],
    [federated, 'principal', '123456789012', 1_000, false, 'all that the root user obtained, who did not federate him'],
    [federated, 'principal', 'AIDAALICE', 1, true, 'all that the user obtained who federated him'],
    [federated, 'role', '123456789012:guest', 1_000, false, 'a role of the id of the federated user'],
    [borrowed, 'principal', '111111111111', 1, true, 'all that the root user obtained'],
    [borrowed, 'principal', '222222222222', 11, true, 'all that was obtained as root of the other account'],
    [borrowed, 'principal', '222222222222', 10, false, 'all that had been obtained as root of the other account before'],
    [borrowed, 'role', 'AROAR', 11, true, 'its role'],
    [scoped, 'role', 'AROAC', 1, true, 'its role, as it was when it was not scoped down yet'],
    [scoped, 'role', 'AROAC', 0, false, 'its role, before that was assumed'],
    [scoped, 'session', 'c1', 1, true, 'the session it was made of'],
    [scoped, 'principal', 'AROAC', 11, true, 'all that its role obtained, by which it was scoped down'],
    [scoped, 'principal', 'AIDABOB', 1, true, 'all that its user obtained'],
  ];

  it.each(rows.map(([of, kind, subject, before, ends, what]) => ({ of, key: revocationKey(kind, subject), before: at(before), ends, what })))('is over where $key is ended: $ends ($what)', ({ of, key, before, ends }) => {
    const revocation = { key, issuedBefore: before, revokedAt: at(300) };
    expect(isEnded(of, remembered([revocation]))).toBe(ends);
    expect(endedAt(of, [revocation])).toEqual(ends ? at(300) : undefined);
  });

  it('names each revocation that would end it, with the time of issue that counts', () => {
    const named = endings(chain).map(([key, issuedAt]) => `${key} ${String((issuedAt.getTime() - start) / 1000)}`);
    expect(named.sort()).toEqual([
      'chain:s1 0', 'chain:s1 100', 'chain:s1 200',
      'principal:AIDAALICE 0', 'principal:AIDAALICE 100', 'principal:AROAA 200',
      'role:AROAA 100', 'role:AROAB 200',
      'session:s1 0', 'session:s2 100', 'session:s3 200',
    ]);
  });

  it('lives as long as nothing is ended', () => {
    for (const one of [chain, federated, borrowed, scoped]) {
      expect(isEnded(one, () => undefined)).toBe(false);
      expect(endedAt(one, [])).toBeUndefined();
    }
  });

  it('was ended by the first of what ended it, not by what ended others', () => {
    const by = (key: RevocationKey, revoked: number, before = 1_000): Revocation => ({ key, issuedBefore: at(before), revokedAt: at(revoked) });
    expect(endedAt(chain, [by('session:s2', 300), by('session:s2', 250), by('session:s2', 400)])).toEqual(at(250));
    expect(endedAt(chain, [by('chain:s1', 400), by('role:AROAB', 300), by('session:s4', 210), by('role:AROAA', 205, 100)])).toEqual(at(300));
  });
});

const anyPrincipal = fc.constantFrom('AIDAA', 'AROAA', 'AROAB', '111111111111', '111111111111:guest');
const anySession = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f');
const anyTime = fc.integer({ min: 0, max: 20 });
/** Chains of which no session appears twice, each issued when or after the one before was. */
const anyChain = fc.record({ startedBy: anyPrincipal, links: fc.uniqueArray(fc.tuple(anySession, anyPrincipal, fc.nat(3)), { selector: ([id]) => id, minLength: 1, maxLength: 6 }) }).map(({ startedBy, links }): Chain => {
  let now = 0;
  return { startedBy, chain: links.map(([id, principal, wait]) => link(id, principal, (now += wait))) };
});
const anyRevocation = fc.oneof(
  fc.tuple(fc.constantFrom<RevocationKind>('session', 'chain'), anySession),
  fc.tuple(fc.constantFrom<RevocationKind>('role', 'principal'), anyPrincipal),
).chain(([kind, subject]) => fc.record({ issuedBefore: anyTime.map(at), revokedAt: anyTime.map(at) }).map((times): Revocation => ({ key: revocationKey(kind, subject), ...times })));
const anyRevocations = fc.array(anyRevocation, { maxLength: 5 });

/** Whether a revocation ends a chain, said once more: the words of the table in the documentation, for every link. */
function ends({ startedBy, chain: links }: Chain, { key, issuedBefore }: Revocation): boolean {
  const separator = key.indexOf(':');
  const subject = key.slice(separator + 1);
  return links.some(({ sessionId, principalId, issuedAt }, index) => {
    const matches = {
      session: sessionId === subject,
      chain: links[0]!.sessionId === subject,
      role: principalId === subject && principalId.startsWith('AROA'),
      principal: (index === 0 ? startedBy : links[index - 1]!.principalId) === subject || (principalId === subject && principalId.includes(':')),
    };
    return matches[key.slice(0, separator) as RevocationKind] && issuedAt < issuedBefore;
  });
}

describe('whatever is ended', () => {
  const always = (see: (of: Chain, revocations: readonly Revocation[]) => void): void => fc.assert(fc.property(anyChain, anyRevocations, see), { numRuns: 500 });

  it('a session is over exactly where one of its links is, and from when the first of what ended it came', () => {
    always((of, revocations) => {
      const fitting = revocations.filter((one) => ends(of, one));
      expect(isEnded(of, remembered(revocations))).toBe(fitting.length > 0);
      expect(endedAt(of, revocations)).toEqual(fitting.map(({ revokedAt }) => revokedAt).sort((one, other) => one.getTime() - other.getTime())[0]);
    });
  });

  it('whether and when a session was ended agree', () => {
    always((of, revocations) => {
      expect(endedAt(of, revocations) !== undefined).toBe(isEnded(of, remembered(revocations)));
    });
  });

  it('a session is over where one is that it was obtained through', () => {
    always((of, revocations) => {
      const over = of.chain.map((_, index) => isEnded({ ...of, chain: of.chain.slice(0, index + 1) }, remembered(revocations)));
      expect(over).toEqual([...over].sort((one, other) => Number(one) - Number(other)));
    });
  });

  it('a session that is over stays so, whatever else is ended', () => {
    fc.assert(fc.property(anyChain, anyRevocations, anyRevocations, (of, revocations, more) => {
      if (isEnded(of, remembered(revocations))) expect(isEnded(of, remembered([...revocations, ...more]))).toBe(true);
      const first = endedAt(of, revocations);
      if (first !== undefined) expect(endedAt(of, [...more, ...revocations])!.getTime()).toBeLessThanOrEqual(first.getTime());
    }));
  });

  it('a chain of which nothing was named lives', () => {
    const elsewhere = (revocations: readonly Revocation[]): Revocation[] => revocations.map((one) => ({ ...one, key: `${one.key}-other` as RevocationKey }));
    always((of, revocations) => {
      expect(isEnded(of, remembered(elsewhere(revocations)))).toBe(false);
      expect(endedAt(of, elsewhere(revocations))).toBeUndefined();
    });
  });

  it('a session that was issued then or later is not over', () => {
    fc.assert(fc.property(anyChain, anyRevocations, (of, revocations) => {
      const before = revocations.map((one) => ({ ...one, issuedBefore: of.chain[0]!.issuedAt }));
      expect(isEnded(of, remembered(before))).toBe(false);
    }));
  });
});

describe('whatever is ended of what stands beside a session', () => {
  it('ends it exactly where it ends its own line or one of the others', () => {
    fc.assert(fc.property(anyChain, fc.array(anyChain, { maxLength: 3 }), anyRevocations, (own, others, revocations) => {
      const all = joinedChain(own, others);
      const over = [own, ...(all.beside ?? [])].some((one) => revocations.some((revocation) => ends(one, revocation)));
      expect(isEnded(all, remembered(revocations))).toBe(over);
      expect(endedAt(all, revocations) !== undefined).toBe(over);
      // What ends somebody who joined ends what he joined, and nothing is kept by joining.
      for (const one of [own, ...others]) if (isEnded(one, remembered(revocations))) expect(over).toBe(true);
    }), { numRuns: 500 });
  });
});

describe('a chain of sessions', () => {
  it('names all its sessions, and who asked for the first', () => {
    const first = longerChain(undefined, link('s1', 'AROAA', 0), 'AIDAALICE');
    expect(first).toEqual({ startedBy: 'AIDAALICE', chain: [link('s1', 'AROAA', 0)] });
    const second = longerChain(first, link('s2', 'AROAB', 10), 'AROAA');
    expect(second).toEqual({ startedBy: 'AIDAALICE', chain: [link('s1', 'AROAA', 0), link('s2', 'AROAB', 10)] });
    expect(first.chain).toHaveLength(1);
  });

  it('has a greatest length, and says so', () => {
    let grown: Chain | undefined;
    for (let index = 0; index < 32; index += 1) grown = longerChain(grown, link(String(index), `AROA${String(index)}`, index), `AIDA${String(index)}`);
    expect(grown).toMatchObject({ startedBy: 'AIDA0', chain: Array.from({ length: 32 }, (_, index) => ({ sessionId: String(index) })) });
    expect(CHAIN_LINKS_MAX).toBe(32);
    expect(() => longerChain(grown, link('x', 'AROAX', 99), 'AIDA')).toThrow(
      new ApiError('AccessDenied', 'This session was obtained through a chain of 32 sessions, which is the most there may be. Sign in again to begin a new chain.'),
    );
  });
});

describe('a session that was obtained with others besides', () => {
  const own = longerChain(undefined, link('s1', 'AROAWORK', 100), 'AIDAALICE');
  const actor: Chain = { startedBy: 'AIDAAGENT', chain: [link('a1', 'AROAGATE', 0), link('a2', 'AROAAGENT', 50)] };
  const joined = joinedChain(own, [actor]);

  it('has a line for each, which leads to it', () => {
    expect(joinedChain(own, [])).toBe(own);
    expect(joined).toEqual({ ...own, beside: [{ startedBy: 'AIDAAGENT', chain: [...actor.chain, ...own.chain] }] });
    // Somebody who has no session himself obtains it all the same.
    expect(joinedChain(own, [{ startedBy: 'OIDCAAAAAAAAAAAAAAAAAAAA:agent', chain: [] }]).beside).toEqual([{ startedBy: 'OIDCAAAAAAAAAAAAAAAAAAAA:agent', chain: own.chain }]);
  });

  it('keeps the lines of each, and so does what is obtained with it', () => {
    const of: Chain = { startedBy: 'AIDABOB', chain: [link('b1', 'AROAB', 110)] };
    const twice = joinedChain(longerChain(joined, link('s2', 'AROANEXT', 120), 'nobody'), [joinedChain(of, [actor])]);
    expect(twice.chain.map(({ sessionId }) => sessionId)).toEqual(['s1', 's2']);
    expect(twice.beside?.map(({ startedBy, chain: links }) => [startedBy, ...links.map(({ sessionId }) => sessionId)])).toEqual([['AIDAAGENT', 'a1', 'a2', 's1'], ['AIDABOB', 'b1', 's2'], ['AIDAAGENT', 'a1', 'a2', 'b1']]);
  });

  const rows: [kind: RevocationKind, subject: string, before: number, ends: boolean][] = [
    ['session', 's1', 101, true], ['chain', 's1', 101, true], ['role', 'AROAWORK', 101, true], ['principal', 'AIDAALICE', 101, true],
    ['session', 'a2', 51, true], ['session', 'a2', 50, false], ['session', 'a1', 1, true], ['session', 'a1', 0, false],
    ['chain', 'a1', 101, true], ['chain', 'a2', 1_000, false],
    ['role', 'AROAGATE', 1, true], ['role', 'AROAAGENT', 51, true], ['role', 'AROAAGENT', 50, false],
    ['principal', 'AIDAAGENT', 1, true], ['principal', 'AROAGATE', 51, true], ['principal', 'AROAGATE', 50, false], ['principal', 'AROAAGENT', 101, true], ['principal', 'AROAAGENT', 100, false],
    ['principal', 'AROAWORK', 1_000, false], ['session', 'a3', 1_000, false],
  ];
  it.each(rows)('ends with %s %s before %s: %s', (kind, subject, before, ends) => {
    const revocation: Revocation = { key: revocationKey(kind, subject), issuedBefore: at(before), revokedAt: at(before) };
    expect(isEnded(joined, remembered([revocation]))).toBe(ends);
    expect(endedAt(joined, [revocation])).toEqual(ends ? at(before) : undefined);
    // And so does what is obtained with it later.
    expect(isEnded(longerChain(joined, link('s2', 'AROANEXT', 2_000), 'x'), remembered([revocation]))).toBe(ends || (kind === 'principal' && subject === 'AROAWORK' && before > 2_000));
  });

  it('has as many lines as there may be, and none is too long', () => {
    let grown = own;
    for (let index = 0; index < BESIDE_MAX; index += 1) grown = joinedChain(grown, [actor]);
    expect(grown.beside).toHaveLength(9);
    expect(() => joinedChain(grown, [actor])).toThrow(new ApiError('AccessDenied', 'At most 9 tokens and actors may stand behind a session; here there would be 10.'));
    const long: Chain = { startedBy: 'AIDA', chain: Array.from({ length: CHAIN_LINKS_MAX }, (_, index) => link(String(index), 'AROA', index)) };
    expect(() => joinedChain(own, [long])).toThrow(/chain of 32 sessions/);
  });
});

describe('the ceiling of a chain', () => {
  const ceilingSeconds = 43_200;
  const within = (granted: Granted, elapsed: number): Granted => withinChain(granted, chain, { now: at(elapsed), ceilingSeconds });
  const rows: [what: string, elapsed: number, granted: Granted, left: Granted][] = [
    ['the whole of what was granted, long before', 0, { seconds: 3_600, limitedBy: 'request' }, { seconds: 3_600, limitedBy: 'request' }],
    ['what another rule granted', 10, { seconds: 3_600, limitedBy: 'default' }, { seconds: 3_600, limitedBy: 'default' }],
    ['the whole, exactly at its end', 39_600, { seconds: 3_600, limitedBy: 'request' }, { seconds: 3_600, limitedBy: 'request' }],
    ['the whole, a millisecond before', 39_599.999, { seconds: 3_600, limitedBy: 'request' }, { seconds: 3_600, limitedBy: 'request' }],
    ['what is left', 39_601, { seconds: 3_600, limitedBy: 'default' }, { seconds: 3_599, limitedBy: 'chain' }],
    ['the last 900 seconds', 42_300, { seconds: 3_600, limitedBy: 'request' }, { seconds: 900, limitedBy: 'chain' }],
    ['900 seconds, where 901 are asked for', 42_300, { seconds: 901, limitedBy: 'request' }, { seconds: 900, limitedBy: 'chain' }],
    ['less than that, where less was granted', 43_000, { seconds: 60, limitedBy: 'session' }, { seconds: 60, limitedBy: 'session' }],
    ['the last second', 43_199, { seconds: 1, limitedBy: 'request' }, { seconds: 1, limitedBy: 'request' }],
  ];

  it.each(rows)('leaves %s', (_, elapsed, granted, left) => {
    expect(within(granted, elapsed)).toEqual(left);
  });

  it.each([42_301, 43_199, 43_200, 43_201, 100_000])('leaves nothing %s seconds after it began', (elapsed) => {
    expect(() => within({ seconds: 3_600, limitedBy: 'request' }, elapsed)).toThrow(
      new ApiError('AccessDenied', 'This chain of sessions began at 2026-11-25T10:00:00.000Z and ends 43200 seconds later; fewer than 900 seconds are left. Sign in again to begin a new one.'),
    );
  });

  it('counts from the first session, however the last was obtained', () => {
    const late: Chain = { startedBy: 'AIDA', chain: [link('1', 'AROA', 0), link('2', 'AROA', 43_000)] };
    expect(() => withinChain({ seconds: 900, limitedBy: 'request' }, late, { now: at(43_000), ceilingSeconds })).toThrow(ApiError);
  });

  it('does not limit the first session', () => {
    expect(withinChain({ seconds: 129_600, limitedBy: 'request' }, undefined, { now: at(0), ceilingSeconds: 900 })).toEqual({ seconds: 129_600, limitedBy: 'request' });
  });
});

/** A session, and when it is over: epoch milliseconds. */
interface Living {
  readonly chain: Chain;
  readonly expires: number;
}

/** Whole seconds, as AWS shows them, from the second in which a session is issued. */
const expiryOf = (now: number, seconds: number): number => (Math.floor(now / 1000) + seconds) * 1000;

/** What a rule gives, or undefined where it refuses. */
function unlessDenied<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    expect(error).toMatchObject({ code: 'AccessDenied' });
    return undefined;
  }
}

describe('whatever sessions are obtained with whatever sessions', () => {
  const hops = fc.array(
    fc.record({
      /** Which of the sessions is used, counted from the latest, and when in its life. */
      with: fc.oneof({ weight: 6, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(60) }),
      when: fc.oneof({ weight: 6, arbitrary: fc.constant(0) }, { weight: 3, arbitrary: fc.integer({ min: 0, max: 100_000 }).map((part) => part / 100_000) }),
      seconds: fc.oneof(fc.integer({ min: 1, max: 900 }), fc.integer({ min: 900, max: 129_600 })),
    }),
    { maxLength: 60 },
  );
  const beginnings = fc.record({ offset: fc.nat(999), seconds: fc.integer({ min: 900, max: 129_600 }), ceiling: fc.integer({ min: 900, max: 129_600 }) });
  type See = (made: { parent: Living; now: number; asked: number; end: number; granted: Granted | undefined; longer: Chain | undefined }) => void;

  /** Begins a chain and obtains session after session, each with one that lives. */
  function obtain({ offset, seconds, ceiling }: { offset: number; seconds: number; ceiling: number }, sequence: readonly { with: number; when: number; seconds: number }[], see: See): void {
    const began = start + offset;
    const sessions: Living[] = [{ chain: longerChain(undefined, { sessionId: '0', principalId: 'AIDA', issuedAt: new Date(began) }, 'AIDA'), expires: expiryOf(began, seconds) }];
    for (const [index, hop] of sequence.entries()) {
      const parent = sessions.at(-1 - (hop.with % sessions.length))!;
      const issued = parent.chain.chain.at(-1)!.issuedAt.getTime();
      if (parent.expires <= issued) continue;
      const now = issued + Math.floor(hop.when * (parent.expires - 1 - issued));
      const granted = unlessDenied(() => withinChain({ seconds: hop.seconds, limitedBy: 'request' }, parent.chain, { now: new Date(now), ceilingSeconds: ceiling }));
      const longer = unlessDenied(() => longerChain(parent.chain, { sessionId: String(index + 1), principalId: 'AROA', issuedAt: new Date(now) }, 'nobody'));
      see({ parent, now, asked: hop.seconds, end: began + ceiling * 1000, granted, longer });
      if (granted !== undefined && longer !== undefined) sessions.push({ chain: longer, expires: expiryOf(now, granted.seconds) });
    }
  }
  const always = (see: See): void => fc.assert(fc.property(beginnings, hops, (beginning, sequence) => obtain(beginning, sequence, see)), { numRuns: 300 });

  it('none is over later than the ceiling after the first began', () => {
    always(({ now, end, granted }) => {
      if (granted !== undefined) expect(expiryOf(now, granted.seconds)).toBeLessThanOrEqual(end);
    });
  });

  it('each lasts as long as was asked, or, to the second, until the chain ends', () => {
    always(({ now, asked, end, granted }) => {
      if (granted === undefined) return;
      expect(granted.limitedBy).toBe(granted.seconds === asked ? 'request' : 'chain');
      expect(granted.seconds).toBeLessThanOrEqual(asked);
      if (granted.limitedBy === 'chain') expect(expiryOf(now, granted.seconds)).toBeGreaterThan(end - 2_000);
    });
  });

  it('none is refused while 900 seconds or more are left, or all that was asked for', () => {
    always(({ now, asked, end, granted }) => {
      if (granted !== undefined) return;
      expect(end - now).toBeLessThan(900_000);
      expect(end - now).toBeLessThan(asked * 1000);
    });
  });

  it('none is cut to less than 900 seconds', () => {
    always(({ granted }) => {
      if (granted?.limitedBy === 'chain') expect(granted.seconds).toBeGreaterThanOrEqual(900);
    });
  });

  it('no chain has more links than there may be, and each names those of the one before', () => {
    always(({ parent, longer }) => {
      if (longer === undefined) expect(parent.chain.chain).toHaveLength(CHAIN_LINKS_MAX);
      else {
        expect(longer.chain.length).toBeLessThanOrEqual(CHAIN_LINKS_MAX);
        expect(longer.chain.slice(0, -1)).toEqual(parent.chain.chain);
        expect(longer.startedBy).toBe('AIDA');
      }
    });
  });
});

// A session that ends with its chain lives until the whole second in which that ends. Counting what is left of the chain
// to the millisecond gives a second less than what is left of the session, and so refuses what the session may still do.
describe('credentials that are scoped down to the rest of their session', () => {
  const ceilingSeconds = 3_600;
  const scope = (began: number, obtained: number, used: number): Granted | undefined => {
    const first: Chain = { startedBy: 'AIDA', chain: [link('1', 'AIDA', began)] };
    const { seconds } = withinChain({ seconds: 3_600, limitedBy: 'default' }, first, { now: at(obtained), ceilingSeconds });
    const expires = expiryOf(at(obtained).getTime(), seconds);
    const left = expires / 1000 - Math.floor(at(used).getTime() / 1000);
    return unlessDenied(() => withinChain(scopedDuration(undefined, left), longerChain(first, link('2', 'AROA', obtained), 'AIDA'), { now: at(used), ceilingSeconds }));
  };

  it('last as long as the session, in whatever millisecond of the last 900 seconds they are asked for', () => {
    expect(scope(0.5, 100.2, 3_000.4)).toEqual({ seconds: 600, limitedBy: 'session' });
    expect(scope(0.5, 100.2, 3_000.6)).toEqual({ seconds: 600, limitedBy: 'session' });
  });
});
