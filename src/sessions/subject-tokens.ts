import { Injectable } from '@nestjs/common';

import { isAccountId } from '../domain/arn.js';
import { ApiError } from '../domain/errors.js';
import { badToken, readIdentityToken, requireValidClaims, type UnverifiedToken } from '../domain/identity-token.js';
import { JsonNumber } from '../domain/policy/json.js';
import type { Chain } from '../domain/session-chain.js';
import { chainOfToken, HOLDER_CLAIM, openSubject, SUBJECT_CLAIM, type KeyHolder, type Sealed } from '../domain/subject-token.js';
import { IdentityTokens } from '../federation/identity-tokens.js';
import { Endpoint } from '../kernel/endpoint.js';
import type { Proved } from '../kernel/handler.js';
import { Keyring } from '../kernel/keyring.js';
import { roleAccount } from './assume-role.js';
import { Authenticator, type Authenticated } from './authenticator.js';
import { issuerOf, tokenEndpointOf } from './identity-token-issuer.js';
import { IssuerKeys } from './issuer-keys.js';

/** What a token says that its bearer is. */
export interface Proof extends Proved {
  /** `sub` and `iss`. */
  readonly subject: string;
  readonly issuer: string;
  readonly expiresAt: Date;
  /** `jti`, as much of it as is recorded. */
  readonly tokenId?: string;
  /** What it ends with, where it is a token of Stint. */
  readonly chain?: Chain;
}

/** How much of a foreign id is recorded, in characters. */
const TOKEN_ID_MAX = 255;
/** The latest time that there is, in seconds (ECMA-262: time values). */
const LATEST_SECONDS = 8_640_000_000_000;
type Claim = typeof SUBJECT_CLAIM | typeof HOLDER_CLAIM;
const NO_TOKEN = 'The token was not issued for the token endpoint of this service, or has been changed.';

/** Believes tokens that are brought to be exchanged: those of Stint's own issuers, and those of identity providers. */
@Injectable()
export class SubjectTokens {
  constructor(
    private readonly federated: IdentityTokens,
    private readonly keys: IssuerKeys,
    private readonly keyring: Keyring,
    private readonly authenticator: Authenticator,
    private readonly endpoint: Endpoint,
  ) {}

  /**
   * Who brings a token, for a role. Where that is known, whatever speaks against him is answered, not thrown. Throws InvalidIdentityToken, and
   * IDPCommunicationError where the provider cannot be asked.
   */
  async verify(text: string, roleArn: string, now: Date): Promise<Proof> {
    const token = readIdentityToken(text);
    const account = this.issuingAccount(token);
    const proved = account === undefined ? await this.#vouchedFor(token, roleArn, now) : await this.#own(token, account, now);
    return { ...proved, ...this.#saying(token) };
  }

  /** What a token says of itself that was verified before. */
  read(text: string): Omit<Proof, 'caller'> {
    return this.#saying(readIdentityToken(text));
  }

  /** With which long-term key a token was obtained that its account signed, whoever it is for; undefined where it was with none. */
  async keyHolderIn(token: UnverifiedToken): Promise<KeyHolder | undefined> {
    const opened = (await this.#opened(token, HOLDER_CLAIM)) ?? (await this.#opened(token, SUBJECT_CLAIM));
    return opened === undefined || 'session' in opened ? undefined : opened;
  }

  /** Whether a token that was obtained with a long-term key is still good, but for its time. */
  async isKept(holder: KeyHolder, tokenId: string): Promise<boolean> {
    const found = await this.authenticator.keyHolderOf(holder, tokenId);
    return found !== undefined && found.over === undefined;
  }

  /** The account whose issuer a token names; undefined where that is none of Stint's. */
  issuingAccount({ issuer }: UnverifiedToken): string | undefined {
    const account = issuer.slice(issuer.lastIndexOf('/') + 1);
    return isAccountId(account) && issuer === issuerOf(this.endpoint.url, account) ? account : undefined;
  }

  async #vouchedFor(token: UnverifiedToken, roleArn: string, now: Date): Promise<Proved> {
    const proved = await this.federated.verify(token.text, { account: roleAccount(roleArn), role: roleArn }, now);
    // Who acts there would be lost here, and the session would look as if nobody did.
    return token.claims.has('act') ? { refusal: badToken('The token says that somebody acts for its subject; of an identity provider that is not accepted.'), ...proved } : proved;
  }

  async #own(token: UnverifiedToken, account: string, now: Date): Promise<Proved> {
    if (!(await this.keys.isSigned(account, token))) throw badToken('The signature of the ID Token is not valid.');
    const opened = await this.#opened(token, SUBJECT_CLAIM);
    if (opened === undefined) throw badToken(NO_TOKEN);
    const { caller, over } = await this.#holder(opened, textIn(token, 'jti'));
    if (caller.account !== account) throw badToken(NO_TOKEN);
    const refusal = over === undefined ? refusalOf(token, tokenEndpointOf(this.endpoint.url), now) : badToken('The token was revoked, or the session that it belongs to is over.');
    return { caller, ...(refusal && { refusal }) };
  }

  async #opened(token: UnverifiedToken, claim: Claim): Promise<Sealed | undefined> {
    let found = this.#open(token, claim);
    if (found !== undefined && 'unknownKey' in found) {
      // Another node may have begun a new key.
      await this.keyring.refresh();
      found = this.#open(token, claim);
    }
    return found !== undefined && 'opened' in found ? found.opened : undefined;
  }

  #open(token: UnverifiedToken, claim: Claim): ReturnType<typeof openSubject> {
    return openSubject(this.keyring, { claim, text: textIn(token, claim), tokenId: textIn(token, 'jti') });
  }

  async #holder(sealed: Sealed, tokenId: string): Promise<Pick<Authenticated, 'caller' | 'over'>> {
    if ('session' in sealed) return this.authenticator.holderOf(sealed.session);
    const found = await this.authenticator.keyHolderOf(sealed, tokenId);
    if (found === undefined) throw badToken('The access key that the token was obtained with is gone or inactive.');
    return found;
  }

  #saying(token: UnverifiedToken): Omit<Proof, 'caller'> {
    const tokenId = textIn(token, 'jti');
    const expiry = Math.min(Math.floor(numberIn(token, 'exp') ?? 0), LATEST_SECONDS);
    const own = this.issuingAccount(token) === undefined ? undefined : this.#open(token, SUBJECT_CLAIM);
    return {
      subject: textIn(token, 'sub'),
      issuer: token.issuer,
      expiresAt: new Date(expiry * 1000),
      ...(tokenId !== '' && { tokenId: tokenId.slice(0, TOKEN_ID_MAX) }),
      ...(own !== undefined && 'opened' in own && { chain: chainOfToken(own.opened, tokenId) }),
    };
  }
}

/** What speaks against a token that Stint signed. */
function refusalOf(token: UnverifiedToken, audience: string, now: Date): ApiError | undefined {
  try {
    requireValidClaims(token, { clientIds: [audience], now });
    return undefined;
  } catch (error) {
    if (error instanceof ApiError) return error;
    throw error;
  }
}

function textIn({ claims }: UnverifiedToken, name: string): string {
  const value = claims.get(name);
  return typeof value === 'string' ? value : '';
}

function numberIn({ claims }: UnverifiedToken, name: string): number | undefined {
  const value = claims.get(name);
  return value instanceof JsonNumber ? Number(value.text) : undefined;
}
