import { call, type Input } from './calls.js';
import { keyDescriptor, metadata } from './identity-providers.js';
import { assertion, attribute, authn, AWS, conditions, confirmation, element, encoded, issuer, nameId, response, TestIdp as SamlIdp, text, type AssertionParts } from './saml-idp.js';
import type { World } from './world.js';

/** How a response differs from a good one. */
export interface Different {
  readonly id?: string;
  readonly subject?: string;
  readonly sessionName?: string;
  /** More attributes, in canonical form. */
  readonly attributes?: string;
  readonly roles?: string;
  readonly parts?: AssertionParts;
  /** Of the user at the provider, seconds from now. */
  readonly sessionEnds?: number;
  readonly recipient?: string;
  /** Of the response; success where nothing is said. */
  readonly status?: string;
  /** Made so many seconds ago. */
  readonly age?: number;
  /** What is carried of an assertion; where nothing is said, it is signed. */
  readonly carried?: (assertion: string) => string;
  /** Makes a whole response another one; nothing where nothing is said. */
  readonly sealed?: (response: string) => string;
  readonly destination?: string;
  /** Who says to have issued it. */
  readonly issuer?: string;
}

let ids = 0;

/** A SAML provider of an account, and the responses that it signs. */
export class SamlProvider {
  private constructor(
    private readonly world: World,
    readonly idp: SamlIdp,
    readonly arn: string,
    readonly entityId: string,
  ) {}

  static async register(world: World, name = 'Corp', entityId = 'https://idp.example/saml'): Promise<SamlProvider> {
    const idp = await SamlIdp.create('ec');
    const SAMLMetadataDocument = metadata({ entityId, keys: keyDescriptor(idp.certificate) });
    const { output } = await call(world.app, 'query', { operation: 'CreateSAMLProvider', keys: world.root, input: { Name: name, SAMLMetadataDocument } });
    return new SamlProvider(world, idp, (output as { samlProviderArn: string }).samlProviderArn, entityId);
  }

  get acs(): string {
    return `${this.world.app.running.kernel.endpoint.url}/saml`;
  }

  /** A time some seconds from now. */
  at(seconds: number): string {
    return new Date(this.world.app.clock.now().getTime() + seconds * 1000).toISOString();
  }

  /** A signed assertion for a role, in a response. */
  response(role: string, different: Different = {}): string {
    const { age = 5, recipient = this.acs, sessionEnds } = different;
    const roles = different.roles ?? attribute(`${AWS}Role`, `${role},${this.arn}`);
    const xml = assertion({
      id: different.id ?? `_assertion-${String((ids += 1))}`,
      issueInstant: this.at(-age),
      issuer: issuer(different.issuer ?? this.entityId),
      nameId: nameId(different.subject ?? 'alice'),
      confirmation: confirmation({ NotOnOrAfter: this.at(300 - age), Recipient: recipient }),
      conditions: conditions({ NotBefore: this.at(-age - 10), NotOnOrAfter: this.at(300 - age) }),
      authn: authn({ AuthnInstant: this.at(-60), ...(sessionEnds !== undefined && { SessionNotOnOrAfter: this.at(sessionEnds) }) }),
      attributes: roles + attribute(`${AWS}RoleSessionName`, different.sessionName ?? 'alice@example.com') + (different.attributes ?? ''),
      ...different.parts,
    });
    const carried = different.carried?.(xml) ?? this.idp.signed(xml);
    const whole = response(carried, {
      ...(different.status !== undefined && { status: different.status }),
      attributes: { Destination: different.destination ?? recipient, IssueInstant: this.at(-age) },
      issuer: element('saml:Issuer', { 'xmlns:saml': 'urn:oasis:names:tc:SAML:2.0:assertion' }, text(different.issuer ?? this.entityId)),
    });
    return encoded(different.sealed?.(whole) ?? whole);
  }

  /** The input of a call for a role. */
  input(role: string, different: Different = {}, more: Input = {}): Input {
    return { RoleArn: role, PrincipalArn: this.arn, SAMLAssertion: this.response(role, different), ...more };
  }
}

/** A session tag as a SAML attribute. */
export const principalTag = (key: string, value: string): string => attribute(`${AWS}PrincipalTag:${key}`, value);
export const sourceIdentity = (value: string): string => attribute(`${AWS}SourceIdentity`, value);
export const transitive = (...keys: readonly string[]): string => attribute(`${AWS}TransitiveTagKeys`, ...keys);
export const sessionDuration = (seconds: number): string => attribute(`${AWS}SessionDuration`, String(seconds));
