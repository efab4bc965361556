import { identityIn, readIdentityToken } from '../../src/domain/identity-token.js';

const encoded = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const keysOf = (claims: object): ReadonlyMap<string, unknown> => identityIn(readIdentityToken(`${encoded({ alg: 'ES256' })}.${encoded({ iss: 'https://idp.example', ...claims })}.c2ln`), 'idp.example').keys;

describe('the condition keys of a token', () => {
  it('are none of claims that would read as those of an issuer on another port', () => {
    expect([...keysOf({ sub: 'octo', '8443/path:sub': 'admin', '8443:sub': 'admin', '2fa': 'yes' }).keys()]).toEqual(['idp.example:iss', 'idp.example:sub', 'idp.example:2fa']);
  });

  it('are those of claims in lower case, where others are written the same but for case', () => {
    expect([...keysOf({ sub: 'octo', Sub: 'admin', Team: 'a', ROLE: 'x', Role: 'y' })]).toEqual([['idp.example:iss', 'https://idp.example'], ['idp.example:sub', 'octo'], ['idp.example:team', 'a']]);
  });

  it('speak for nothing in place of a claim that is no text', () => {
    expect([...keysOf({ sub: { of: 'objects' }, SUB: 'admin' }).keys()]).toEqual(['idp.example:iss']);
  });

  it('are read in one pass, however many they are', () => {
    const claims = Object.fromEntries(Array.from({ length: 30_000 }, (_, index) => [`A${String(index)}`, 1]));
    const since = performance.now();
    expect(keysOf(claims).size).toBe(30_001);
    // It takes a fraction of a second; looking through all of them for each took most of a minute.
    expect(performance.now() - since).toBeLessThan(10_000);
  });
});
