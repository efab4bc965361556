/** One row of the error catalogue: what a code means on every face. */
export interface ErrorRow {
  /** HTTP status. */
  readonly status: number;
  /** HTTP status where the client is none of AWS's, which know no other. */
  readonly restStatus?: number;
  /** Who has to change something: the caller (`Sender`) or Stint (`Receiver`). */
  readonly fault: 'Sender' | 'Receiver';
  /** When it is answered; docs/errors.md is compared with this text. */
  readonly when: string;
  /** The code an audit event carries, where AWS CloudTrail writes another than the wire does. */
  readonly auditCode?: string;
}

const sender = (status: number, when: string, auditCode?: string): ErrorRow =>
  auditCode === undefined ? { status, fault: 'Sender', when } : { status, fault: 'Sender', when, auditCode };
const receiver = (status: number, when: string): ErrorRow => ({ status, fault: 'Receiver', when });

/**
 * Every code that Stint answers with. Codes and statuses are AWS's (STS 2011-06-15 and IAM 2010-05-08
 * models and the AWS common errors).
 */
export const catalogue = {
  AccessDenied: sender(403, 'No policy allows the call, or one denies it; also an unknown role, so that its existence is not revealed.'),
  ConcurrentModification: sender(409, 'The entity was changed by another call at the same time; repeat the call.', 'ConcurrentModificationException'),
  DeleteConflict: sender(409, 'The entity still has subordinate entities, which must be removed first.', 'DeleteConflictException'),
  EntityAlreadyExists: sender(409, 'The name is taken in this account.', 'EntityAlreadyExistsException'),
  EntityTemporarilyUnmodifiable: sender(409, 'The password was guessed wrong too often; the message says how long to wait.', 'EntityTemporarilyUnmodifiableException'),
  ExpiredToken: sender(403, 'The session that signed the request has expired, was revoked, or its user or role is gone.'),
  ExpiredTokenException: sender(400, 'The SAML assertion or web identity token is not valid any more, or not yet, or was not used soon enough after it was issued.'),
  ExpiredTradeInTokenException: sender(400, 'The trade-in token is not valid; Stint issues none.'),
  FeatureDisabled: sender(404, 'Outbound web identity federation is not enabled for the account.', 'FeatureDisabledException'),
  FeatureEnabled: sender(409, 'Outbound web identity federation is enabled already.', 'FeatureEnabledException'),
  IdempotencyConflict: sender(409, 'The Idempotency-Key was used by the same caller for another request; use a new key for each request.'),
  IDPCommunicationError: sender(400, 'The identity provider could not be reached to verify its token; repeat the call.'),
  IDPRejectedClaim: sender(403, 'The identity provider says that it let nobody in, or the account does not trust it.'),
  IncompleteSignature: sender(400, 'The signature parts of the request are malformed or incomplete.'),
  InsufficientSessionLifetime: sender(400, 'The session could not last as long as is needed: the calling session ends earlier, or minRemaining asks for more than would be granted.'),
  InternalFailure: receiver(500, 'A bug in Stint; the log holds the cause under the request id.'),
  InvalidAction: sender(400, 'No such operation, or not in that API version.'),
  InvalidAuthenticationCode: sender(403, 'Codes of an MFA device are wrong, were used before, or come while none is accepted; which of these is not said.', 'InvalidAuthenticationCodeException'),
  InvalidAuthorizationMessageException: sender(400, 'The encoded authorization message was not issued by this service for this account.'),
  InvalidClientTokenId: sender(403, 'The access key is unknown or inactive, or the session token is not valid for it.'),
  InvalidContextAssertion: sender(400, 'A context assertion cannot be verified: Stint knows no context providers.'),
  InvalidIdentityToken: sender(400, 'The SAML response or web identity token cannot be verified or is not meant for this use; the message says why.'),
  InvalidInput: sender(400, 'A value is well-formed but not acceptable.', 'InvalidInputException'),
  InvalidParameterValue: sender(400, 'Session tags or transitive tag keys break a rule; the message says which.'),
  InvalidScope: sender(400, 'A scope is neither an action nor a managed policy of the account of the role, or there are too many.'),
  InvalidSubjectCredentials: sender(400, 'The operation takes or narrows temporary credentials, and was called with others.'),
  InvalidTarget: sender(400, 'A token cannot be issued for this resource or audience.'),
  InvalidUserType: sender(400, 'Only IAM users can call the operation; the caller is something else.', 'InvalidUserTypeException'),
  JWTPayloadSizeExceededException: sender(400, 'The payload of the web identity token would be larger than 4,096 bytes.'),
  LimitExceeded: sender(409, 'A quota of the account or the entity is used up.', 'LimitExceededException'),
  MalformedInput: sender(400, 'A value has the wrong type, such as letters where a number belongs.'),
  MalformedPolicyDocument: sender(400, 'The policy document is not valid; the message says why.', 'MalformedPolicyDocumentException'),
  MethodNotAllowed: sender(405, 'The REST route exists, but not with this HTTP method.'),
  MissingAction: sender(400, 'The request names no Action.'),
  MissingAuthenticationToken: sender(403, 'The request is not signed.'),
  NoSuchEntity: sender(404, 'The named entity does not exist in this account.', 'NoSuchEntityException'),
  NotFound: sender(404, 'No such REST route.'),
  OutboundWebIdentityFederationDisabledException: sender(403, 'The account does not issue web identity tokens; EnableOutboundWebIdentityFederation lets it.'),
  PackedPolicyTooLarge: sender(400, 'The session policies and tags, or the session token, are too large when packed.'),
  ReportExpired: sender(410, 'The credential report is older than four hours; generate another one.', 'CredentialReportExpiredException'),
  ReportInProgress: sender(404, 'The credential report is still being made; repeat the call in a moment.', 'CredentialReportNotReadyException'),
  ReportNotPresent: sender(410, 'No credential report was generated.', 'CredentialReportNotPresentException'),
  PasswordPolicyViolation: sender(400, 'The password does not fit the password policy of the account; the message says why.', 'PasswordPolicyViolationException'),
  RequestEntityTooLarge: sender(413, 'The request body is larger than STINT_MAX_BODY_BYTES.'),
  RequestTimeout: sender(408, 'The request did not arrive completely in time.'),
  RiskyTrustPolicy: sender(400, 'The trust policy lets in more than is likely to be meant, and nobody accepted the risk (REST only); risks says what is wrong and what to write.'),
  ServiceUnavailable: receiver(503, 'The database cannot be reached, the event cannot be recorded, or too many passwords are being checked or SAML responses read; no credentials were issued. Repeat the call; `Retry-After` says when, where it is for too many.'),
  SessionDurationEscalationException: sender(403, 'The web identity token would outlive the session that asks for it.'),
  SignInRefused: sender(403, 'The account, user, password or code of a sign-in is not right, or attempts have to wait; which of these is not said. Who knew the password is told whether MFA is needed, and whether an administrator has to replace an expired password.'),
  SignatureDoesNotMatch: sender(403, 'The signature is wrong, too old, not yet valid, or scoped to another service, region or day.'),
  Throttling: { ...sender(400, 'A call that nobody signed was refused, and so were too many of the same subject or provider before: why is not told, and it is not recorded. `Retry-After` says in how many seconds it will be.'), restStatus: 429 },
  UnsupportedMediaType: sender(415, 'The body is not in the format of this face.'),
  UnsupportedOperation: sender(400, 'The operation is part of the AWS API but not served yet.'),
  UnsupportedParameter: sender(400, 'The parameter is part of the AWS API but not served yet; it is refused rather than ignored.'),
  ValidationError: sender(400, 'The input does not fit the contract; every violation is listed.'),
} as const satisfies Record<string, ErrorRow>;

/** A code of the catalogue. */
export type ErrorCode = keyof typeof catalogue;

/** Where the explanation of a refusal is found. */
export interface DecisionReference {
  readonly id: string;
  /** For DecodeAuthorizationMessage. */
  readonly encodedMessage: string;
}

/** A refusal that MFA would have prevented, and how long ago it may have been used, in seconds. */
export interface StepUpHint {
  readonly maxAgeSeconds?: number;
}

/** What an error carries beside its code and message. */
export interface ErrorFacts {
  readonly cause?: unknown;
  readonly detail?: Readonly<Record<string, unknown>>;
  readonly evidence?: unknown;
  readonly decision?: DecisionReference;
  readonly stepUp?: StepUpHint | undefined;
  readonly members?: Readonly<Record<string, unknown>>;
  readonly isCounted?: boolean;
}

/**
 * The one error that callers may see. `message` is written for the caller; `detail` and `cause` are for
 * the log and the audit event and never leave the process.
 */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  /** Facts for the log and the audit event, never for the caller. */
  readonly detail: Readonly<Record<string, unknown>>;
  /** What a refusal was decided by, for the record of the decision: neither logged nor shown. */
  readonly evidence: unknown;
  /** Under which id the decision can be looked up, and what its caller may have decoded. */
  readonly decision: DecisionReference | undefined;
  /** What the caller could do about it. */
  readonly stepUp: StepUpHint | undefined;
  /** What problem details say beside the message, for programs. */
  readonly members: Readonly<Record<string, unknown>>;
  /** A wrong guess that was counted where guesses are: how many there can be is bounded by that, and each is recorded. */
  readonly isCounted: boolean;

  constructor(
    readonly code: ErrorCode,
    message: string,
    options: ErrorFacts = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.detail = options.detail ?? {};
    this.evidence = options.evidence;
    this.decision = options.decision;
    this.stepUp = options.stepUp;
    this.members = options.members ?? {};
    this.isCounted = options.isCounted === true;
  }

  /** The same error with the reference to its decision. */
  recordedAs(decision: DecisionReference): ApiError {
    return new ApiError(this.code, this.message, { cause: this.cause, detail: this.detail, decision, stepUp: this.stepUp, members: this.members });
  }

  /** The catalogue's row for this code. */
  get row(): ErrorRow {
    return catalogue[this.code];
  }
}

/** How long to wait where too many others do, in seconds. */
const BUSY_SECONDS = 1;

/** A refusal of what would wait too long: a bound was met, and nothing is broken. */
export function busy(message: string): ApiError {
  return new ApiError('ServiceUnavailable', message, { detail: { why: 'too many wait', retryAfterSeconds: BUSY_SECONDS } });
}
