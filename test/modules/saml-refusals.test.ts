import { requireRole, type SamlFacts } from '../../src/federation/saml/response.js';
import {
  assertion, at, attribute, audience, authn, AWS, conditions, confirmation, element, encoded, factsOf, issuer, MOMENT, nameId, NS, refusalOf, response, ROLE, SAML, SESSION_NAME, TestIdp, text, trustIn,
  type AssertionParts, type ResponseParts,
} from '../support/saml-idp.js';

const broken = 'Invalid base64 SAMLResponse';
const late = 'Token must be redeemed within 5 minutes of issuance';
const denied = 'Not authorized to perform sts:AssumeRoleWithSAML';
const audienceMissing = 'Response does not contain the required audience.';
const otherIssuer = 'Issuer not present in specified provider';
const confirmed = 'SubjectConfirmation in AuthnResponse must be one of a bearer, with NotOnOrAfter and a Recipient of this service';

let idp: TestIdp;
beforeAll(async () => {
  idp = await TestIdp.create('ec');
});

const saying = (parts: AssertionParts, more?: ResponseParts): string => encoded(response(idp.signed(assertion(parts)), more));
const facts = (parts: AssertionParts = {}, moment = MOMENT): Promise<SamlFacts> => factsOf(saying(parts), trustIn([idp]), moment);
const refusal = (made: string): ReturnType<typeof refusalOf> => refusalOf(made, trustIn([idp]));
const changed = (change: (xml: string) => string): string => encoded(change(response(idp.signed(assertion()))));
const before = (what: string): string => changed((xml) => what + xml);

describe('what was sent', () => {
  const detailed = (detail: string): string => response(assertion()).replace('</samlp:Status>', `${element('samlp:StatusDetail', {}, detail)}</samlp:Status>`);
  const genuine = (): string => saying({});
  const latin1 = (xml: string): string => Buffer.from(xml.replace('alice', '\u00fc'), 'latin1').toString('base64');
  const cases: [string, () => string, RegExp][] = [
    ['nothing', (): string => '', /root element/],
    ['no XML', (): string => encoded('hello'), /root node/],
    ['no base64', (): string => '<samlp:Response/>', /canonical base64/],
    ['base64 with broken lines', (): string => genuine().replace(/.{76}/g, '$&\n'), /canonical base64/],
    ['base64 without its padding', (): string => encoded(`${response(idp.signed(assertion()))}${'\n'.repeat(3)}`).replace(/=*$/, '') + 'A', /canonical base64|root|well|disallowed/],
    ['base64 for URLs', (): string => encoded('<a>\u00ff\u00ff\u00ff\u00be</a>').replace(/\+/g, '-').replace(/\//g, '_'), /canonical base64/],
    ['base64 with bits that say nothing', (): string => 'PGEvPh==', /canonical base64/],
    ['base64 with something behind it', (): string => `${genuine()}AAAA`, /canonical base64|root|disallowed|not allowed/],
    ['bytes that are not UTF-8', (): string => latin1(response(idp.signed(assertion()))), /UTF-8/],
    ['UTF-16', (): string => Buffer.from(response(assertion()), 'utf16le').toString('base64'), /./],
    ['another encoding by its own word', (): string => before('<?xml version="1.0" encoding="ISO-8859-1"?>'), /UTF-8/],
    ['XML 1.1', (): string => before('<?xml version="1.1"?>'), /XML 1.0|version/],
    ['a document type', (): string => before('<!DOCTYPE samlp:Response>'), /doctype/],
    ['entities of entities', (): string => before(`<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "${'&a;'.repeat(100)}"><!ENTITY c "${'&b;'.repeat(100)}">]>`).replace('alice', '&c;'), /doctype/],
    ['an entity from a file', (): string => before('<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/hostname">]>'), /doctype/],
    ['a parameter entity', (): string => before('<!DOCTYPE x [<!ENTITY % e SYSTEM "https://evil.example/x.dtd"> %e;]>'), /doctype/],
    ['a document type from elsewhere', (): string => before('<!DOCTYPE x SYSTEM "https://evil.example/x.dtd">'), /doctype/],
    ['an entity that nobody declared', (): string => changed((xml) => xml.replace('alice', '&alice;')), /entity/],
    ['a processing instruction', (): string => before('<?xml-stylesheet href="https://evil.example/x.xsl"?>'), /processinginstruction/],
    ['a comment in the NameID', (): string => changed((xml) => xml.replace('>alice<', '>al<!-- -->ice<')), /comment/],
    ['a comment in an attribute value', (): string => changed((xml) => xml.replace('alice@example.com', 'alice<!---->@example.com')), /comment/],
    ['a comment in the issuer', (): string => changed((xml) => xml.replaceAll('idp.example', 'idp<!--x-->.example')), /comment/],
    ['a comment in the digest', (): string => changed((xml) => xml.replace('<ds:DigestValue>', '<ds:DigestValue><!--AAAA-->')), /comment/],
    ['a comment at its end', (): string => changed((xml) => `${xml}<!-- x -->`), /comment/],
    ['a CDATA section', (): string => changed((xml) => xml.replace('>alice<', '><![CDATA[alice]]><')), /cdata/],
    ['half a character', (): string => changed((xml) => xml.replace('alice', '&#xD800;')), /entity|character/],
    ['a control character', (): string => changed((xml) => xml.replace('alice', '&#1;')), /entity|character/],
    ['a prefix that means nothing', (): string => changed((xml) => xml.replace('xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" ', '')), /prefix/],
    ['an attribute twice', (): string => changed((xml) => xml.replace('<samlp:Response ', '<samlp:Response ID="_x" ')), /duplicate/],
    ['an attribute twice under two prefixes', (): string => changed((xml) => xml.replace('<samlp:Response ', '<samlp:Response xmlns:a="urn:x" xmlns:b="urn:x" a:c="1" b:c="2" ')), /duplicate/],
    ['two roots', (): string => changed((xml) => xml + xml), /root/],
    ['an end that is missing', (): string => changed((xml) => xml.slice(0, -1)), /./],
    ['an id twice', (): string => encoded(response(idp.signed(assertion()), { attributes: { ID: '_assertion' } })), /an id occurs twice/],
    ['elements that lie too deep', (): string => changed((xml) => xml.replace('alice', '<x>'.repeat(40) + '</x>'.repeat(40))), /too deeply/],
    ['elements that lie very deep', (): string => encoded('<x>'.repeat(10_000)), /too deeply/],
    ['too many elements', (): string => changed((xml) => xml.replace('alice', '<x/>'.repeat(1_500))), /too many elements/],
    ['too many attributes', (): string => changed((xml) => xml.replace('<samlp:Status>', `<samlp:Status ${Array.from({ length: 17 }, (_, index) => `a${index}="1"`).join(' ')}>`)), /too many attributes/],
    ['too many namespaces', (): string => changed((xml) => xml.replace('alice', Array.from({ length: 5 }, (_, n) => `<x ${Array.from({ length: 15 }, (__, m) => `xmlns:a${n}-${m}="urn:x"`).join(' ')}>`).join('') + '</x>'.repeat(5))), /too many namespaces/],
    ['more than is allowed', (): string => encoded(response(idp.signed(assertion()) + ' '.repeat(74_000))), /too long/],
    ['an assertion without a response', (): string => encoded(idp.signed(assertion())), /no Response/],
    ['a response in another namespace', (): string => encoded(idp.signed(response(assertion()).replace(NS.samlp, 'urn:oasis:names:tc:SAML:1.0:protocol'))), /no Response/],
    ['a response without a namespace', (): string => encoded('<Response/>'), /no Response/],
    ['a request', (): string => encoded(response('').replaceAll('samlp:Response', 'samlp:AuthnRequest')), /no Response/],
    ['a response of another version', (): string => encoded(response(idp.signed(assertion()), { attributes: { Version: '2.1' } })), /version/],
    ['a response without an assertion', (): string => encoded(idp.signed(response(''))), /no assertion/],
    ['two assertions', (): string => encoded(response(idp.signed(assertion()) + idp.signed(assertion({ id: '_second' })))), /has Assertion/],
    ['an assertion in another namespace', (): string => encoded(idp.signed(response(assertion().replace(NS.saml, 'urn:oasis:names:tc:SAML:1.0:assertion')))), /has Assertion/],
    ['an assertion in its status, although all of it is signed', (): string => encoded(idp.signed(detailed(assertion({ id: '_second' })))), /Assertion where none belongs/],
    ['an encrypted assertion there', (): string => encoded(idp.signed(detailed(element('x:encryptedassertion', { 'xmlns:x': 'urn:x' })))), /encryptedassertion where none belongs/],
    ['a response there', (): string => encoded(idp.signed(detailed(element('x:Response', { 'xmlns:x': 'urn:x' })))), /Response where none belongs/],
    ['a signature there', (): string => encoded(idp.signed(detailed(element('ds:Signature', { 'xmlns:ds': NS.ds })))), /Signature where none belongs/],
    ['a signature in another namespace beside its own', (): string => encoded(response(idp.signed(assertion({ more: element('x:Signature', { 'xmlns:x': 'urn:x' }) })))), /Signature where none belongs/],
    ['a status twice', (): string => changed((xml) => xml.replace(/(<samlp:Status>.*<\/samlp:Status>)/, '$1$1')), /has Status/],
    ['extensions', (): string => changed((xml) => xml.replace('<samlp:Status>', '<samlp:Extensions/><samlp:Status>')), /has Extensions/],
    ['text between the elements', (): string => changed((xml) => xml.replace('<samlp:Status>', 'x<samlp:Status>')), /text between/],
    ['two status codes', (): string => encoded(response(idp.signed(assertion())).replace(/(<samlp:StatusCode .*<\/samlp:StatusCode>)/, '$1$1')), /StatusCode/],
  ];
  it.each(cases)('is refused: %s', async (_, made, why) => {
    expect(await refusal(made())).toEqual({ code: 'InvalidIdentityToken', message: broken, why: expect.stringMatching(why) });
  });

  it('may be as long as AWS takes it, and no longer', async () => {
    const room = 75_000 - response(idp.signed(assertion())).length;
    const padded = (spaces: number): string => encoded(`${response(idp.signed(assertion()))}${' '.repeat(spaces)}`);
    expect(padded(room)).toHaveLength(100_000);
    expect((await factsOf(padded(room), trustIn([idp]))).subject).toBe('alice');
    expect((await refusal(padded(room + 1))).why).toBe('it is too long');
  });

  it('is read whole, with a byte order mark, a declaration, other quotes and spaces in tags', async () => {
    const xml = response(idp.signed(assertion({ nameId: nameId('a<b>&"\u00fc\u{1F600}') })));
    const dressed = `\ufeff<?xml version='1.0' encoding='utf-8' standalone="no"?>\n${xml.replace('<samlp:Status>', '\n\t<samlp:Status\n>').replace('ID="_response"', "ID  =\n'_response'").replace('\u00fc', '&#252;')}\n`;
    expect((await factsOf(encoded(dressed), trustIn([idp]))).subject).toBe('a<b>&"\u00fc\u{1F600}');
  });
});

describe('a refusal', () => {
  it('does not repeat at length what was sent', async () => {
    const long = 'x'.repeat(20_000);
    const made = [
      encoded(response(idp.signed(assertion(), { method: long, signWith: () => 'AAAA' }))),
      saying({}, { status: long }),
      changed((xml) => xml.replace('<samlp:Status>', `<${long}/><samlp:Status>`)),
      changed((xml) => xml.replace('alice', `&${long};`)),
      saying({ attributes: ROLE + SESSION_NAME + attribute(`${AWS}PrincipalTag:${long}`, '1', '2') }),
    ];
    for (const one of made) {
      const { message, why } = await refusal(one);
      expect(message.length).toBeLessThan(200);
      expect(String(why).length).toBeLessThanOrEqual(200);
    }
  });
});

describe('what a response says of itself', () => {
  const other = 'https://other.example/saml';
  const cases: [string, () => string, string, string][] = [
    ['that it failed', (): string => saying({}, { status: 'urn:oasis:names:tc:SAML:2.0:status:Responder' }), 'IDPRejectedClaim', 'The identity provider reported that authentication failed.'],
    ['that it failed in its own way', (): string => saying({}, { status: 'urn:oasis:names:tc:SAML:2.0:status:success' }), 'IDPRejectedClaim', 'The identity provider reported that authentication failed.'],
    ['another issuer', (): string => saying({}, { issuer: element('saml:Issuer', { 'xmlns:saml': NS.saml }, other) }), 'InvalidIdentityToken', otherIssuer],
    ['another destination', (): string => saying({}, { attributes: { Destination: other } }), 'InvalidIdentityToken', 'Destination in AuthnResponse must be this service'],
    ['no destination, although it is signed', (): string => encoded(idp.signed(response(assertion(), { attributes: { Destination: undefined } }))), 'InvalidIdentityToken', 'Destination in AuthnResponse must be this service'],
    ['that it answers a request', (): string => saying({}, { attributes: { InResponseTo: '_request' } }), 'InvalidIdentityToken', 'InResponseTo in AuthnResponse must not be present'],
  ];
  it.each(cases)('is a reason to refuse it: %s', async (_, made, code, message) => {
    expect(await refusal(made())).toMatchObject({ code, message });
  });

  it('may be nothing, where only the assertion is signed', async () => {
    const made = response(idp.signed(assertion()), { issuer: '', attributes: { Destination: undefined } });
    expect((await factsOf(encoded(made), trustIn([idp]))).subject).toBe('alice');
  });
});

describe('an assertion', () => {
  const invalid: [string, AssertionParts, string][] = [
    ['of another version', { version: '1.1' }, broken],
    ['of another issuer', { issuer: issuer('https://other.example/saml') }, otherIssuer],
    ['of an issuer in another case', { issuer: issuer('https://IDP.example/saml') }, otherIssuer],
    ['of an issuer with a space', { issuer: issuer(`${SAML.entityId} `) }, otherIssuer],
    ['of an issuer in another format', { issuer: element('saml:Issuer', { Format: 'urn:oasis:names:tc:SAML:2.0:nameid-format:transient' }, SAML.entityId) }, otherIssuer],
    ['of two issuers', { issuer: issuer() + issuer() }, broken],
    ['with Advice', { more: element('saml:Advice', {}) }, broken],
    ['with a decision', { more: element('saml:AuthzDecisionStatement', {}) }, broken],
    ['with a second subject', { subject: element('saml:Subject', {}, nameId(), confirmation()).repeat(2) }, broken],
    ['without a subject', { subject: '' }, broken],
    ['with two names', { nameId: nameId() + nameId('mallory') }, broken],
    ['with an element in the name', { nameId: element('saml:NameID', {}, 'al', element('saml:x', {}), 'ice') }, broken],
    ['with a name that is too long for an index', { nameId: nameId('日'.repeat(683)) }, 'NameID in AuthnResponse is too long'],
    ['with a name that is too long', { nameId: nameId('a'.repeat(1_025)) }, 'NameID in AuthnResponse is too long'],
    ['without a confirmation', { confirmation: '' }, confirmed],
    ['with two confirmations', { confirmation: confirmation().repeat(2) }, confirmed],
    ['with a second confirmation for another', { confirmation: confirmation() + confirmation({ Recipient: 'https://other.example/saml' }) }, confirmed],
    ['confirmed by whoever holds a key', { confirmation: confirmation({}, 'urn:oasis:names:tc:SAML:2.0:cm:holder-of-key') }, confirmed],
    ['confirmed by whoever vouches for it', { confirmation: confirmation({}, 'urn:oasis:names:tc:SAML:2.0:cm:sender-vouches') }, confirmed],
    ['without data on its confirmation', { confirmation: element('saml:SubjectConfirmation', { Method: 'urn:oasis:names:tc:SAML:2.0:cm:bearer' }) }, confirmed],
    ['for nobody', { confirmation: confirmation({ Recipient: undefined }) }, confirmed],
    ['for another', { confirmation: confirmation({ Recipient: 'https://other.example/saml' }) }, confirmed],
    ['for a URL that begins like this one', { confirmation: confirmation({ Recipient: `${SAML.acs}/x` }) }, confirmed],
    ['for this URL in another case', { confirmation: confirmation({ Recipient: SAML.acs.toUpperCase() }) }, confirmed],
    ['for ever', { confirmation: confirmation({ NotOnOrAfter: undefined }) }, confirmed],
    ['that answers a request', { confirmation: confirmation({ InResponseTo: '_request' }) }, 'InResponseTo in AuthnResponse must not be present'],
    ['without conditions', { conditions: '' }, broken],
    ['with conditions twice', { conditions: conditions() + conditions() }, broken],
    ['with a condition that nobody knows', { conditions: conditions({}, audience(SAML.audience), element('saml:Condition', {})) }, broken],
    ['for no audience', { conditions: conditions({}, element('saml:OneTimeUse', {})) }, audienceMissing],
    ['for an empty audience', { conditions: conditions({}, audience()) }, audienceMissing],
    ['for another audience', { conditions: conditions({}, audience('urn:other')) }, audienceMissing],
    ['for an audience that begins like this one', { conditions: conditions({}, audience(`${SAML.audience}:x`)) }, audienceMissing],
    ['for this audience and, besides, only another', { conditions: conditions({}, audience(SAML.audience), audience('urn:other')) }, audienceMissing],
    ['that does not say that anybody was authenticated', { authn: '' }, broken],
  ];
  it.each(invalid)('is refused: one %s', async (_, parts, message) => {
    expect(await refusal(saying(parts))).toEqual({ code: 'InvalidIdentityToken', message, why: expect.any(String) });
  });

  it.each([
    ['name', { nameId: '' }],
    ['text in its name', { nameId: nameId('') }],
    ['name but an encrypted one', { nameId: element('saml:EncryptedID', {}) }],
    ['role', { attributes: SESSION_NAME }],
  ])('is refused without a %s', async (_, parts) => {
    expect(await refusal(saying(parts))).toEqual({ code: 'AccessDenied', message: denied, why: expect.any(String) });
  });

  it('is for any of several audiences, and any of several URLs', async () => {
    expect((await facts({ conditions: conditions({}, audience('urn:other', SAML.audience), audience(SAML.audience), element('saml:OneTimeUse', {}), element('saml:ProxyRestriction', {})) })).subject).toBe('alice');
    expect((await facts({ confirmation: confirmation({ Recipient: 'https://sts.example/other' }) }, { ...MOMENT, recipients: [SAML.acs, 'https://sts.example/other'] })).recipient).toBe('https://sts.example/other');
  });

  it.each([
    ['urn:oasis:names:tc:SAML:2.0:nameid-format:transient', 'transient'],
    ['urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress', 'urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress'],
    ['urn:oasis:names:tc:SAML:2.0:nameid-format:', ''],
  ])('says what kind of name it has: %s', async (format, type) => {
    expect((await facts({ nameId: nameId('alice', format) })).subjectType).toBe(type);
  });

  it('has a name of no certain kind where it does not say which', async () => {
    expect((await facts({ nameId: element('saml:NameID', {}, 'alice') })).subjectType).toBe('urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified');
  });
});

describe('the times of an assertion', () => {
  const of: Record<string, (time: string) => AssertionParts> = {
    IssueInstant: (time) => ({ issueInstant: time }),
    'Conditions NotBefore': (time) => ({ conditions: conditions({ NotBefore: time }) }),
    'Conditions NotOnOrAfter': (time) => ({ conditions: conditions({ NotOnOrAfter: time }) }),
    'SubjectConfirmationData NotBefore': (time) => ({ confirmation: confirmation({ NotBefore: time }) }),
    'SubjectConfirmationData NotOnOrAfter': (time) => ({ confirmation: confirmation({ NotOnOrAfter: time }) }),
    SessionNotOnOrAfter: (time) => ({ authn: authn({ SessionNotOnOrAfter: time }) }),
  };
  it.each([
    ['IssueInstant', -299.999, true],
    ['IssueInstant', -300, false],
    ['IssueInstant', 60, true],
    ['IssueInstant', 60.001, false],
    ['Conditions NotBefore', 60, true],
    ['Conditions NotBefore', 60.001, false],
    ['Conditions NotOnOrAfter', 0.001, true],
    ['Conditions NotOnOrAfter', 0, false],
    ['Conditions NotOnOrAfter', -1, false],
    ['SubjectConfirmationData NotBefore', 60, true],
    ['SubjectConfirmationData NotBefore', 60.001, false],
    ['SubjectConfirmationData NotOnOrAfter', 0.001, true],
    ['SubjectConfirmationData NotOnOrAfter', 0, false],
    ['SessionNotOnOrAfter', 0.001, true],
    ['SessionNotOnOrAfter', 0, false],
  ] as const)('are held to, to the millisecond: %s %d seconds from now', async (name, seconds, isBelieved) => {
    const made = saying(of[name]!(at(seconds)));
    if (isBelieved) expect((await factsOf(made, trustIn([idp]))).subject).toBe('alice');
    else expect(await refusal(made)).toMatchObject({ code: 'ExpiredTokenException', message: late });
  });

  it.each(Object.keys(of))('must be times in UTC: %s', async (name) => {
    for (const time of ['', 'now', '2026-11-25', '2026-11-25T12:00:00', '2026-11-25T13:00:00+01:00', '2026-13-01T00:00:00Z', '2027-02-30T00:00:00Z', '2026-11-25T24:00:00Z', '+2026-11-25T12:00:00Z', '99999-01-01T00:00:00Z', ' 2026-11-25T12:00:00Z']) {
      expect(await refusal(saying(of[name]!(time)))).toEqual({ code: 'InvalidIdentityToken', message: broken, why: expect.stringMatching(/is no time|when it was issued/) });
    }
  });

  it('say until when it is believed, and until when the session may last', async () => {
    const parts = { authn: authn({ SessionNotOnOrAfter: at(3_600) }) + authn({ SessionNotOnOrAfter: at(1_800) }) + authn() };
    expect(await facts(parts)).toMatchObject({ acceptedUntil: new Date(at(295)), sessionNotOnOrAfter: new Date(at(1_800)) });
    expect((await facts({ confirmation: confirmation({ NotOnOrAfter: at(20) }) })).acceptedUntil).toEqual(new Date(at(20)));
    expect((await facts({ conditions: conditions({ NotOnOrAfter: at(10) }) })).acceptedUntil).toEqual(new Date(at(10)));
  });

  it('do not make it last longer than it is believed', async () => {
    const { acceptedUntil } = await facts();
    const moment = (ms: number): typeof MOMENT => ({ ...MOMENT, now: new Date(acceptedUntil.getTime() + ms) });
    expect((await facts({}, moment(-1))).subject).toBe('alice');
    expect((await refusalOf(saying({}), trustIn([idp]), moment(0))).code).toBe('ExpiredTokenException');
  });
});

describe('the attributes of an assertion', () => {
  const with_ = (...more: readonly string[]): AssertionParts => ({ attributes: ROLE + SESSION_NAME + more.join('') });
  const named = (name: string, ...values: readonly string[]): string => attribute(`${AWS}${name}`, ...values);

  it('say what session is wanted', async () => {
    const all = with_(named('SessionDuration', '1800'), named('SourceIdentity', 'Alice'), named('PrincipalTag:Project', 'M\u00fcller & Co'.replace(' & ', ' + ')), named('PrincipalTag:Empty', ''), named('TransitiveTagKeys', 'Project', 'Empty'), attribute('other', 'ignored', 'as it is'));
    expect(await facts(all)).toMatchObject({
      roleSessionName: 'alice@example.com',
      sessionDuration: 1_800,
      sourceIdentity: 'Alice',
      tags: [{ Key: 'Project', Value: 'M\u00fcller + Co' }, { Key: 'Empty', Value: '' }],
      transitiveTagKeys: ['Project', 'Empty'],
      directoryKeys: {},
    });
  });

  it('may be in several statements, and say the same twice', async () => {
    const parts = { attributes: ROLE, more: element('saml:AttributeStatement', {}, SESSION_NAME, SESSION_NAME) };
    expect((await facts(parts)).roleSessionName).toBe('alice@example.com');
  });

  const cases: [string, string, string][] = [
    ['no session name', ROLE, 'RoleSessionName is required in AuthnResponse'],
    ['an empty session name', ROLE + named('RoleSessionName', ''), 'RoleSessionName is required in AuthnResponse'],
    ['a session name in another case', ROLE + named('roleSessionName', 'alice'), 'RoleSessionName is required in AuthnResponse'],
    ['a session name without a value', ROLE + named('RoleSessionName'), 'RoleSessionName is required in AuthnResponse'],
    ...['a', 'a b', 'a'.repeat(65), '\u00fcb', 'ab\n', ' ab'].map((name): [string, string, string] => [`the session name ${JSON.stringify(name)}`, ROLE + named('RoleSessionName', name), 'RoleSessionName in AuthnResponse must match [a-zA-Z_0-9+=,.@-]{2,64}']),
    ['two session names', ROLE + SESSION_NAME + named('RoleSessionName', 'mallory'), 'RoleSessionName in AuthnResponse must have one value'],
    ...['', '899', '43201', '1e4', '0x384', '900.5', '-900', ' 900', '99999999999'].map((text_): [string, string, string] => [`the duration ${JSON.stringify(text_)}`, ROLE + SESSION_NAME + named('SessionDuration', text_), 'SessionDuration in AuthnResponse must be between 900 and 43200']),
    ...['a', '', 'aws:alice', 'AWS:alice', 'a b', 'a'.repeat(65)].map((text_): [string, string, string] => [`the source identity ${JSON.stringify(text_)}`, ROLE + SESSION_NAME + named('SourceIdentity', text_), 'Source Identity must match [a-zA-Z_0-9+=,.@-]{2,64} and not begin with "aws:".']),
    ['two source identities', ROLE + SESSION_NAME + named('SourceIdentity', 'alice', 'mallory'), 'SourceIdentity in AuthnResponse must have one value'],
    ['a tag with two values', ROLE + SESSION_NAME + named('PrincipalTag:a', '1', '2'), 'PrincipalTag:a in AuthnResponse must have one value'],
    ['a tag in two attributes', ROLE + SESSION_NAME + named('PrincipalTag:a', '1') + named('PrincipalTag:a', '2'), 'PrincipalTag:a in AuthnResponse must have one value'],
    ['a tag without a key', ROLE + SESSION_NAME + named('PrincipalTag:', '1'), 'PrincipalTag in AuthnResponse is not valid'],
    ['a tag with an odd key', ROLE + SESSION_NAME + named('PrincipalTag:a*', '1'), 'PrincipalTag in AuthnResponse is not valid'],
    ['a tag with an odd value', ROLE + SESSION_NAME + named('PrincipalTag:a', '*'), 'PrincipalTag in AuthnResponse is not valid'],
    ['a tag that is too long', ROLE + SESSION_NAME + named('PrincipalTag:a', 'a'.repeat(257)), 'PrincipalTag in AuthnResponse is not valid'],
    ['too many tags', ROLE + SESSION_NAME + Array.from({ length: 51 }, (_, index) => named(`PrincipalTag:${index}`, '1')).join(''), 'PrincipalTag in AuthnResponse is not valid'],
    ['an odd transitive key', ROLE + SESSION_NAME + named('TransitiveTagKeys', '*'), 'TransitiveTagKeys in AuthnResponse is not valid'],
    ['an element in a value', ROLE + element('saml:Attribute', { Name: `${AWS}RoleSessionName` }, element('saml:AttributeValue', {}, 'alice', element('saml:x', {}))), broken],
    ['an attribute without a name', ROLE + SESSION_NAME + element('saml:Attribute', {}), 'Attributes in AuthnResponse cannot be read'],
    ['an encrypted attribute', ROLE + SESSION_NAME + element('saml:EncryptedAttribute', {}), 'Attributes in AuthnResponse cannot be read'],
    ['a value of the directory that is too long', ROLE + SESSION_NAME + attribute('urn:oid:2.5.4.3', 'a'.repeat(1_025)), 'Attributes in AuthnResponse are too long'],
    ['too many values of the directory', ROLE + SESSION_NAME + attribute('urn:oid:2.5.4.3', ...Array.from({ length: 101 }, () => 'a')), 'Attributes in AuthnResponse have too many values'],
  ];
  it.each(cases)('are refused: %s', async (_, attributes, message) => {
    expect(await refusal(saying({ attributes }))).toEqual({ code: 'InvalidIdentityToken', message, why: expect.any(String) });
  });

  it('name pairs of a role and a provider, in either order; what is no pair lets nobody in', async () => {
    const second = 'arn:aws:iam::444455556666:role/path/Other';
    const roles = named('Role', `${SAML.role},${SAML.provider}`, `${SAML.provider}, ${second}`, SAML.role, `${SAML.role},${SAML.role}`, `${SAML.provider},${SAML.provider}`, `${SAML.role},${SAML.provider},${second}`, '');
    const read = await facts({ attributes: roles + SESSION_NAME });
    expect(read.roles).toEqual([{ roleArn: SAML.role, principalArn: SAML.provider }, { roleArn: second, principalArn: SAML.provider }]);
    expect(() => requireRole(read, { roleArn: second, principalArn: SAML.provider })).not.toThrow();
    const others: [string, string][] = [[`${SAML.role}x`, SAML.provider], [SAML.role, `${SAML.provider}x`], [SAML.role.toLowerCase(), SAML.provider], [SAML.provider, SAML.role], ['*', SAML.provider]];
    for (const [roleArn, principalArn] of others) expect(() => requireRole(read, { roleArn, principalArn })).toThrow(denied);
  });

  it('do not let anybody take a role that is reserved', async () => {
    const roleArn = 'arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Admin_0123456789abcdef';
    const read = await facts({ attributes: named('Role', `${roleArn},${SAML.provider}`) + SESSION_NAME });
    expect(() => requireRole(read, { roleArn, principalArn: SAML.provider })).toThrow(denied);
  });

  it('become condition keys: lists whole, others by their first value', async () => {
    const targeted = element('saml:Attribute', { Name: 'urn:oid:1.3.6.1.4.1.5923.1.1.1.10' }, element('saml:AttributeValue', {}, nameId('opaque')));
    const keys = (await facts(with_(
      attribute('urn:oid:1.3.6.1.4.1.5923.1.1.1.1', 'staff', 'member'),
      attribute('urn:oid:1.3.6.1.4.1.5923.1.1.1.6', 'alice@example.edu', 'second'),
      attribute('urn:oid:2.5.4.3', 'Alice'),
      attribute('2.5.4.3', 'Alice A.'),
      attribute('http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress', 'a@example.com'),
      attribute('urn:oid:1.3.6.1.4.1.5923.1.1.1.7'),
      attribute('eduPersonEntitlement', 'by its friendly name'),
      targeted,
    ))).conditionKeys;
    expect(keys).toEqual({
      'saml:edupersonaffiliation': ['staff', 'member'],
      'saml:edupersonprincipalname': 'alice@example.edu',
      'saml:cn': ['Alice'],
      'saml:commonName': 'Alice A.',
      'saml:mail': 'a@example.com',
      'saml:edupersontargetedid': ['opaque'],
      'saml:namequalifier': expect.any(String),
      'saml:sub': 'alice',
      'saml:sub_type': 'persistent',
      'saml:aud': SAML.acs,
      'saml:iss': SAML.entityId,
      'saml:doc': `${SAML.account}/${SAML.providerName}`,
    });
  });

  it('cannot name condition keys themselves', async () => {
    expect((await facts(with_(attribute('saml:sub', 'mallory'), attribute('saml:aud', 'x'), attribute('__proto__', 'x'), attribute(text('aws:PrincipalArn'), 'x')))).directoryKeys).toEqual({});
  });

  it('tell the users of two providers apart', async () => {
    const qualifier = async (more: object): Promise<string> => (await factsOf(saying({}), trustIn([idp], more))).nameQualifier;
    expect(new Set([await qualifier({}), await qualifier({ account: '444455556666' }), await qualifier({ providerName: 'Other' })]).size).toBe(3);
  });
});
