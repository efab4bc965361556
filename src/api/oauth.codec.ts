import { nameInArn } from '../domain/arn.js';
import { actClaim } from '../domain/delegation.js';
import { ApiError, type ErrorCode } from '../domain/errors.js';
import { sameSecret } from '../domain/secret.js';
import { TOKEN_TYPES } from '../sessions/exchange.contract.js';
import { shown } from './form.js';

/** The endpoints of OAuth 2.0 clients. */
export type OAuthEndpoint = 'token' | 'introspect' | 'revoke';

/** The grant that is served (RFC 8693 §2.1). */
export const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';

/** Parameters by endpoint; `client_id` says nothing, because clients are public (RFC 6749 §2.1). */
const known: Readonly<Record<OAuthEndpoint, readonly string[]>> = {
  token: ['actor_token', 'actor_token_type', 'audience', 'client_id', 'grant_type', 'requested_token_type', 'resource', 'scope', 'subject_token', 'subject_token_type'],
  introspect: ['client_id', 'token', 'token_type_hint'],
  revoke: ['client_id', 'token', 'token_type_hint'],
};
/** Parameters that would prove who the client is: nobody is believed by them here. */
const AUTHENTICATING = ['client_assertion', 'client_assertion_type', 'client_secret'];
/** Parameters that would make another request of it. */
const MEANINGFUL = ['assertion', 'authorization_details', 'claims', 'code', 'code_verifier', 'dpop_jkt', 'password', 'redirect_uri', 'refresh_token', 'req_cnf', 'request', 'request_uri', 'username'];

/** An error of OAuth (RFC 6749 §5.2, RFC 8693 §2.2.2) and its status, where they are not those of the code. */
interface OAuthError {
  readonly error: string;
  readonly status: number;
}

const asked = (error: string, status = 400): OAuthError => ({ error, status });
const errors: Partial<Record<ErrorCode, OAuthError>> = {
  AccessDenied: asked('unauthorized_client', 403),
  ExpiredToken: asked('invalid_client', 401),
  IDPCommunicationError: asked('temporarily_unavailable', 503),
  IncompleteSignature: asked('invalid_client', 401),
  InternalFailure: asked('server_error', 500),
  InvalidClientTokenId: asked('invalid_client', 401),
  InvalidScope: asked('invalid_scope'),
  InvalidTarget: asked('invalid_target'),
  MethodNotAllowed: asked('invalid_request', 405),
  MissingAuthenticationToken: asked('invalid_client', 401),
  NotFound: asked('invalid_request', 404),
  OutboundWebIdentityFederationDisabledException: asked('invalid_target'),
  PackedPolicyTooLarge: asked('invalid_scope'),
  RequestEntityTooLarge: asked('invalid_request', 413),
  RequestTimeout: asked('invalid_request', 408),
  ServiceUnavailable: asked('temporarily_unavailable', 503),
  SignatureDoesNotMatch: asked('invalid_client', 401),
  Throttling: asked('temporarily_unavailable', 429),
  UnsupportedMediaType: asked('invalid_request', 415),
};

const refused = (message: string, oauth?: string): ApiError => new ApiError('ValidationError', message, oauth === undefined ? {} : { detail: { oauth } });

/** How OAuth calls a refusal. A role that does not trust the subject is a target for which no token can be issued. */
export function oauthError(error: ApiError, endpoint: OAuthEndpoint | undefined): OAuthError & { readonly body: string } {
  const { oauth } = error.detail;
  const found = typeof oauth === 'string' ? asked(oauth) : endpoint === 'token' && error.code === 'AccessDenied' ? asked('invalid_target') : (errors[error.code] ?? asked('invalid_request'));
  return { ...found, body: JSON.stringify({ error: found.error, error_description: described(error.message) }) };
}

/** RFC 6749 §5.2 leaves out quotation marks, backslashes and whatever is not printable ASCII. */
function described(message: string): string {
  return message.replaceAll('"', "'").replace(/[^\u0020-\u007E]|\\/g, '?').slice(0, 1_024);
}

/**
 * Refuses a form that asks for something else than it seems: client authentication and parameters that change what is asked. Others that nobody
 * knows are ignored (RFC 6749 §3.2); answers which.
 */
export function requireForm(form: ReadonlyMap<string, string>, endpoint: OAuthEndpoint): readonly string[] {
  for (const name of AUTHENTICATING) if (form.has(name)) throw refused(`Clients are public: ${name} proves nothing here.`, 'invalid_client');
  for (const name of MEANINGFUL) if (form.has(name)) throw refused(`The parameter ${name} is not supported; it is refused because ignoring it would change what is asked.`);
  const empty = [...form].find(([, value]) => value === '');
  // RFC 6749 §3.1 takes parameters without a value for absent ones, which a ceiling must not be by mistake.
  if (empty !== undefined) throw refused(`The parameter ${shown(empty[0])} has no value.`);
  const grant = form.get('grant_type');
  if (endpoint === 'token' && grant === undefined) throw refused('The parameter grant_type is missing.');
  if (endpoint === 'token' && grant !== TOKEN_EXCHANGE) throw refused(`Only the grant type ${TOKEN_EXCHANGE} is supported.`, 'unsupported_grant_type');
  return [...form.keys()].filter((name) => !known[endpoint].includes(name));
}

/** The input of IntrospectToken and RevokeToken. */
export function tokenInput(form: ReadonlyMap<string, string>): Record<string, unknown> {
  return defined({ Token: required(form, 'token'), TokenTypeHint: form.get('token_type_hint') });
}

/** The input of ExchangeToken, or of ExchangeSession where a session is exchanged: that which signs, by its session token. */
export function exchangeInput(form: ReadonlyMap<string, string>, securityToken: string | undefined): Record<string, unknown> {
  const [subjectToken, type] = [required(form, 'subject_token'), required(form, 'subject_token_type')];
  const isSession = type === TOKEN_TYPES.session;
  if (isSession && !sameSecret(subjectToken, securityToken ?? '')) throw refused('A session is exchanged by a request that it signs itself: subject_token must be the session token of the signature.');
  return defined({
    ...(!isSession && { SubjectToken: subjectToken, SubjectTokenType: type }),
    ...targetIn(form),
    RequestedTokenType: form.get('requested_token_type'),
    Scope: form.get('scope'),
    ActorToken: form.get('actor_token'),
    ActorTokenType: form.get('actor_token_type'),
  });
}

/** The role is the resource, or the audience where there is no resource; beside a resource, the audience is for whom a token is. */
function targetIn(form: ReadonlyMap<string, string>): { RoleArn: string; Audience: string | undefined } {
  const [resource, audience] = [form.get('resource'), form.get('audience')];
  const role = resource ?? audience;
  if (role === undefined) throw new ApiError('InvalidTarget', 'The parameter resource, or audience, must be the ARN of a role.');
  if (nameInArn(role, 'role') === undefined) throw new ApiError('InvalidTarget', 'The resource, or the audience where no resource is given, must be the ARN of a role.');
  return { RoleArn: role, Audience: resource === undefined || audience === resource ? undefined : audience };
}

function required(form: ReadonlyMap<string, string>, name: string): string {
  const value = form.get(name);
  if (value === undefined) throw refused(`The parameter ${name} is missing.`);
  return value;
}

function defined(members: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
}

/** What an exchange answers (RFC 8693 §2.2.1). Credentials are a text in the form of AWS's `credential_process`. */
export function exchangeBody(output: Record<string, unknown>): Record<string, unknown> {
  const { IssuedTokenType, AccessToken, Credentials, ExpiresIn, Scope } = output;
  const { Expiration, ...keys } = (Credentials ?? {}) as Record<string, unknown> & { Expiration?: Date };
  return defined({
    access_token: AccessToken ?? JSON.stringify({ Version: 1, ...keys, Expiration: Expiration?.toISOString() }),
    issued_token_type: IssuedTokenType,
    // A JWT that was not asked for as an access token is for whom it is addressed to, and no bearer token of an API.
    token_type: IssuedTokenType === TOKEN_TYPES.accessToken ? 'Bearer' : 'N_A',
    expires_in: ExpiresIn,
    scope: Scope,
  });
}

/** What an introspection answers (RFC 7662 §2.2). */
export function introspectionBody(output: Record<string, unknown>): Record<string, unknown> {
  const { Active, Issuer, Subject, Audience, IssuedAt, ExpiresAt, TokenId, SessionId, Scope, Actors } = output as Record<string, unknown> & { Audience?: string[]; IssuedAt?: Date; ExpiresAt?: Date; Actors?: { Subject: string; Issuer: string }[] };
  return defined({
    active: Active,
    iss: Issuer,
    sub: Subject,
    aud: Audience?.length === 1 ? Audience[0] : Audience,
    iat: epoch(IssuedAt),
    exp: epoch(ExpiresAt),
    jti: TokenId,
    sid: SessionId,
    scope: Scope,
    act: actClaim((Actors ?? []).map((actor) => ({ arn: '', subject: actor.Subject, issuer: actor.Issuer }))),
  });
}

function epoch(time: Date | undefined): number | undefined {
  return time === undefined ? undefined : Math.floor(time.getTime() / 1000);
}
