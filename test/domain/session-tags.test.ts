import fc from 'fast-check';

import { ApiError } from '../../src/domain/errors.js';
import { inheritedTags, requireSessionTags, sessionTags, type SessionTags } from '../../src/domain/session-tags.js';
import { mergedTags, tagKey, type TagFact } from '../../src/domain/tags.js';

const DUPLICATE = 'Duplicate tag keys found. Please note that Tag keys are case insensitive.';
const NOT_PASSED = 'The specified transitive tag key must be included in the requested tags.';
const CONFLICT = "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the calling session.";

const tag = (Key: string, Value = 'x'): TagFact => ({ Key, Value });
const session = (tags: readonly TagFact[], transitiveTagKeys: readonly string[] = []): SessionTags => ({ tags, transitiveTagKeys });
const parent = session([tag('Team', 'blue'), tag('cost', '1')], ['team']);

describe('session tags', () => {
  const refused: [what: string, passed: SessionTags, from: SessionTags | undefined, message: string][] = [
    ['the same key twice', session([tag('a'), tag('a')]), undefined, DUPLICATE],
    ['keys that differ only by case', session([tag('a'), tag('b'), tag('A', 'y')]), undefined, DUPLICATE],
    ['keys that differ only by case beyond ASCII', session([tag('Größe'), tag('GRÖßE')]), undefined, DUPLICATE],
    ['a key that begins with aws:', session([tag('AWS:x')]), undefined, "Tag keys that begin with aws: are reserved, got 'AWS:x'."],
    ['a key that is aws:', session([tag('a'), tag('aws:')]), undefined, "Tag keys that begin with aws: are reserved, got 'aws:'."],
    ['a transitive key that is not passed', session([tag('a')], ['b']), undefined, NOT_PASSED],
    ['a transitive key where none are passed', session([], ['a']), undefined, NOT_PASSED],
    ['one transitive key of several that is not passed', session([tag('a'), tag('c')], ['a', 'b', 'c']), undefined, NOT_PASSED],
    ['a transitive key that only the calling session has', session([], ['cost']), parent, NOT_PASSED],
    ['an inherited key as transitive', session([tag('Team')], ['Team']), parent, CONFLICT],
    ['an inherited key, in another case, as transitive', session([tag('TEAM')], ['TEAM']), parent, CONFLICT],
    ['an inherited key with the value it has', session([tag('Team', 'blue')]), parent, CONFLICT],
    ['an inherited key that is not to be transitive', session([tag('team', 'red')]), parent, CONFLICT],
    ['an inherited key among others', session([tag('a'), tag('team', 'red'), tag('b')], ['a']), parent, CONFLICT],
    ['an inherited key as transitive without its tag', session([], ['team']), parent, CONFLICT],
  ];

  it.each(refused)('are refused with %s', (_, passed, from, message) => {
    expect(() => sessionTags(passed, from)).toThrow(new ApiError('InvalidParameterValue', message));
  });

  const made: [what: string, passed: SessionTags, from: SessionTags | undefined, made: SessionTags][] = [
    ['none where none are passed', session([]), undefined, session([])],
    ['those that are passed', session([tag('a', '1'), tag('b', '')]), undefined, session([tag('a', '1'), tag('b', '')])],
    ['in the case they are passed in, whatever that of the transitive key', session([tag('Team')], ['TEAM']), undefined, session([tag('Team')], ['TEAM'])],
    ['with each transitive key once', session([tag('Team'), tag('a')], ['TEAM', 'a', 'team']), undefined, session([tag('Team'), tag('a')], ['team', 'a'])],
    ['with keys that only look like reserved ones', session([tag('aws'), tag('awsx:'), tag('x:aws:'), tag(' aws:')]), undefined, session([tag('aws'), tag('awsx:'), tag('x:aws:'), tag(' aws:')])],
    ['the transitive ones of the calling session, which stay so', session([]), parent, session([tag('Team', 'blue')], ['Team'])],
    ['both, and the new transitive ones too', session([tag('step', 'build'), tag('cost', '2')], ['step']), parent, session([tag('step', 'build'), tag('cost', '2'), tag('Team', 'blue')], ['Team', 'step'])],
    ['without those of the calling session that are not transitive', session([]), session([tag('a'), tag('b')]), session([])],
  ];

  it.each(made)('are %s', (_, passed, from, expected) => {
    expect(sessionTags(passed, from)).toEqual(expected);
  });

  it('are inherited where their keys are transitive, in any case, with the key and value they have', () => {
    expect(inheritedTags(undefined)).toEqual([]);
    expect(inheritedTags(session([tag('a')]))).toEqual([]);
    expect(inheritedTags(parent)).toEqual([tag('Team', 'blue')]);
    expect(inheritedTags(session([tag('B', '1'), tag('c', '2'), tag('a', '3')], ['A', 'b']))).toEqual([tag('B', '1'), tag('a', '3')]);
    expect(inheritedTags(session([tag('a')], ['b']))).toEqual([]);
  });
});

describe('the tags of a federated user', () => {
  it('are as many as there are different keys', () => {
    expect(() => requireSessionTags([])).not.toThrow();
    expect(() => requireSessionTags([tag('a'), tag('b'), tag('ab'), tag('a b')])).not.toThrow();
    expect(() => requireSessionTags([tag('a'), tag('b'), tag('A')])).toThrow(new ApiError('InvalidParameterValue', DUPLICATE));
  });

  it('are none of those that are reserved', () => {
    for (const key of ['aws:', 'aws:a', 'Aws:a', 'AWS:a']) expect(() => requireSessionTags([tag('a'), tag(key)])).toThrow(new ApiError('InvalidParameterValue', `Tag keys that begin with aws: are reserved, got '${key}'.`));
  });
});

/** Keys of which many are the same but for their case. */
const anyKey = fc.constantFrom('a', 'A', 'b', 'B', 'c', 'dd', 'DD', 'Dd', 'ß', 'é', 'É', 'σ', 'Σ', 'aws', 'x y');
const anyTags = fc.array(fc.record({ Key: fc.oneof({ weight: 40, arbitrary: anyKey }, { weight: 1, arbitrary: fc.constantFrom('aws:a', 'Aws:b') }), Value: fc.string({ maxLength: 3 }) }), { maxLength: 3 });
const anyHop = fc.record({
  tags: anyTags,
  /** Which of the tags are to be transitive, and what else is said to be. */
  picks: fc.array(fc.nat(2), { maxLength: 3 }),
  more: fc.oneof({ weight: 8, arbitrary: fc.constant([]) }, { weight: 1, arbitrary: fc.array(anyKey, { maxLength: 2 }) }),
}).map(({ tags, picks, more }) => session(tags, [...picks.flatMap((index) => tags[index]?.Key ?? []), ...more]));

const lower = (keys: readonly string[]): string[] => keys.map((key) => key.toLowerCase());
const keysOf = ({ tags }: Pick<SessionTags, 'tags'>): string[] => lower(tags.map(({ Key }) => Key));

/** Why a session cannot be made with these tags; undefined where it can. */
function fault(passed: SessionTags, from: SessionTags): string | undefined {
  const keys = keysOf(passed);
  const kept = lower(from.transitiveTagKeys);
  if (keys.some((key) => key.startsWith('aws:')) || keys.length !== new Set(keys).size) return 'tags';
  if ([...keys, ...lower(passed.transitiveTagKeys)].some((key) => kept.includes(key))) return CONFLICT;
  return lower(passed.transitiveTagKeys).some((key) => !keys.includes(key)) ? NOT_PASSED : undefined;
}

/** Goes down a chain of sessions, and shows every session with the one it was obtained with; refused ones are left out. */
function down(hops: readonly SessionTags[], see: (made: SessionTags, before: SessionTags, passed: SessionTags) => void): void {
  let before: SessionTags | undefined;
  for (const passed of hops) {
    let made: SessionTags;
    try {
      made = sessionTags(passed, before);
    } catch (error) {
      const expected = fault(passed, before ?? session([]));
      expect(error).toMatchObject({ code: 'InvalidParameterValue', ...(expected !== 'tags' && { message: expected }) });
      continue;
    }
    expect(fault(passed, before ?? session([]))).toBeUndefined();
    see(made, before ?? session([]), passed);
    before = made;
  }
}

describe('down a chain of sessions, whatever is passed', () => {
  const chains = fc.array(anyHop, { maxLength: 10 });
  const always = (see: Parameters<typeof down>[1]): void => fc.assert(fc.property(chains, (hops) => down(hops, see)));

  it('what is inherited is never changed, nor lost', () => {
    always((made, before) => {
      const inherited = before.tags.filter(({ Key }) => lower(before.transitiveTagKeys).includes(Key.toLowerCase()));
      for (const one of inherited) expect(made.tags).toContainEqual(one);
      expect(inheritedTags(made)).toEqual(expect.arrayContaining(inherited));
    });
  });

  it('what is passed arrives as it was passed, and nothing else that was not transitive', () => {
    always((made, before, passed) => {
      for (const one of passed.tags) expect(made.tags).toContainEqual(one);
      expect(made.tags).toHaveLength(passed.tags.length + before.transitiveTagKeys.length);
    });
  });

  it('transitive keys only grow, by those that are passed', () => {
    always((made, before, passed) => {
      expect(new Set(lower(made.transitiveTagKeys))).toEqual(new Set(lower([...before.transitiveTagKeys, ...passed.transitiveTagKeys])));
      expect(new Set(lower(made.transitiveTagKeys)).size).toBe(made.transitiveTagKeys.length);
    });
  });

  it('each key is there once, and each transitive key has its tag', () => {
    always((made) => {
      expect(new Set(keysOf(made)).size).toBe(made.tags.length);
      expect(keysOf(made)).toEqual(expect.arrayContaining(lower(made.transitiveTagKeys)));
    });
  });
});

describe('tags of several origins', () => {
  it('count as the last of each key, whatever its case', () => {
    expect(mergedTags()).toEqual([]);
    expect(mergedTags([tag('Team', '1'), tag('a', '1')], [tag('TEAM', '2')], [tag('b', '3')])).toEqual([tag('TEAM', '2'), tag('a', '1'), tag('b', '3')]);
  });

  it('are those of the last origin that has the key', () => {
    fc.assert(fc.property(fc.array(anyTags, { maxLength: 4 }), (origins) => {
      const merged = mergedTags(...origins);
      const all = origins.flat();
      expect(new Set(keysOf({ tags: merged }))).toEqual(new Set(keysOf({ tags: all })));
      expect(merged).toHaveLength(new Set(keysOf({ tags: all })).size);
      for (const one of merged) expect(all.findLast(({ Key }) => tagKey(Key) === tagKey(one.Key))).toEqual(one);
    }));
  });
});
