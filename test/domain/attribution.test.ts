import fc from 'fast-check';

import { attribution, requireAttribution, requireTemplateKeys, requireTemplates, valueOf } from '../../src/domain/attribution.js';
import type { Federation } from '../../src/domain/principal.js';

const provider = 'arn:aws:iam::123456789012:oidc-provider/idp.example/Path';
const vouched = (claims: Readonly<Record<string, string | readonly string[]>>): Federation => ({ provider, keys: new Map(Object.entries(claims).map(([claim, value]) => [`idp.example/path:${claim}`, value])) });
const named = (template: string, by?: Federation): unknown => attribution([{ Key: 'stint:SessionNameTemplate', Value: template }], by).sessionName;
const claims = vouched({ sub: 'repo:octo/x', actor_id: '12', repository_id: '74', branch: 'a-b.c', half: 'a\uD800', groups: ['a', 'b'], empty: '' });

describe('the names that a role fixes', () => {
  it.each([
    ['gh-@repository_id@-@actor_id@', { value: 'gh-74-12' }],
    ['@sub@', { value: 'repo=3Aocto=2Fx' }],
    ['@SUB@', { value: 'repo=3Aocto=2Fx' }],
    ['x-@actor_id@', { value: 'x-12' }],
    ['@actor_id@@repository_id@', { because: 'its template is malformed' }],
    ['@actor_id@A@repository_id@', { because: 'its template is malformed' }],
    ['@actor_id@=@repository_id@', { because: 'its template is malformed' }],
    ['@branch@-@actor_id@-', { value: 'a=2Db.c-12-' }],
    ['@actor_id@.x-@branch@', { value: '12.x-a-b.c' }],
    ['@half@', { because: 'this one says nothing of half' }],
    ['@groups@', { because: 'this one says nothing of groups' }],
    ['@empty@', { because: 'this one says nothing of empty' }],
    ['@none@', { because: 'this one says nothing of none' }],
    ['plain', { because: 'its template is malformed' }],
    ['@sub', { because: 'its template is malformed' }],
    ['@@', { because: 'its template is malformed' }],
    ['a b@sub@', { because: 'its template is malformed' }],
    [`${'x'.repeat(60)}@sub@`, { because: `what comes of it, ${'x'.repeat(60)}repo=3Aocto=2Fx, is no name of 2 to 64 characters` }],
  ])('come of %s', (template, fixed) => {
    expect(named(template, claims)).toEqual(fixed);
  });

  it('are none where nobody vouches, and left to the caller where the role has no template', () => {
    expect(named('@sub@')).toEqual({ because: 'none vouches for the caller' });
    expect(attribution([{ Key: 'team', Value: '@sub@' }], claims)).toEqual({});
    expect(attribution([{ Key: 'STINT:sourceidentitytemplate', Value: '@actor_id@' }], claims)).toEqual({ sourceIdentity: { value: '12' } });
  });

  it('are read from keys of SAML by their own names', () => {
    expect(named('@saml:sub@', { provider: 'arn:aws:iam::123456789012:saml-provider/Corp', keys: new Map([['saml:sub', 'alice']]) })).toEqual({ value: 'alice' });
  });

  it('differ where claims differ', () => {
    const name = (sub: string): unknown => named('@sub@-', vouched({ sub }));
    fc.assert(fc.property(fc.string({ minLength: 1, maxLength: 10, unit: 'grapheme' }), fc.string({ minLength: 1, maxLength: 10, unit: 'grapheme' }), (one, other) => {
      fc.pre(one !== other);
      expect(name(one)).not.toEqual(name(other));
    }));
  });

  it.each([...'+,._-'])('of two claims with %s between them differ where one of the claims does', (between) => {
    const claim = fc.string({ minLength: 1, maxLength: 4, unit: fc.constantFrom(...'ab2D=', ...'+,._-') });
    const name = (one: string, other: string): unknown => named(`@one@${between}x@other@`, vouched({ one, other }));
    fc.assert(fc.property(claim, claim, claim, claim, (a, b, c, d) => {
      fc.pre(a !== c || b !== d);
      expect(name(a, b)).not.toEqual(name(c, d));
    }), { numRuns: 2_000 });
    expect(name('a', `b${between}xc`)).not.toEqual(name(`a${between}xb`, 'c'));
  });

  it('must be those that were given', () => {
    const fixed = { value: 'octo' };
    requireAttribution(undefined, 'any', 'RoleSessionName');
    requireAttribution(fixed, 'octo', 'RoleSessionName');
    expect(() => { requireAttribution(fixed, 'Octo', 'RoleSessionName'); }).toThrow('The role fixes RoleSessionName by what the identity provider says: it must be octo');
    expect(() => { requireAttribution({ because: 'none vouches for the caller' }, 'octo', 'SourceIdentity'); }).toThrow('The role fixes SourceIdentity by what an identity provider says, and none vouches for the caller');
    expect([valueOf(fixed, undefined), valueOf(fixed, 'given'), valueOf(undefined, undefined), valueOf({ because: 'x' }, undefined)]).toEqual(['octo', 'given', undefined, undefined]);
  });

  it('cannot be templates that could never be filled in', () => {
    requireTemplates([{ Key: 'stint:SessionNameTemplate', Value: '@sub@' }, { Key: 'other', Value: '@' }]);
    expect(() => { requireTemplates([{ Key: 'stint:SourceIdentityTemplate', Value: 'plain' }]); }).toThrow('The tag stint:SourceIdentityTemplate is not a template');
  });

  it('are written one way only, for policies compare the keys of tags to the letter', () => {
    requireTemplateKeys(['stint:SessionNameTemplate', 'stint:SourceIdentityTemplate', 'Other', 'stint:SessionNameTemplates']);
    for (const key of ['Stint:SessionNameTemplate', 'stint:sessionnametemplate', 'STINT:SOURCEIDENTITYTEMPLATE']) {
      expect(() => { requireTemplateKeys(['team', key]); }).toThrow(`The tag ${key} must be written stint:S`);
      expect(() => { requireTemplates([{ Key: key, Value: '@sub@' }]); }).toThrow(`The tag ${key} must be written stint:S`);
    }
  });
});
