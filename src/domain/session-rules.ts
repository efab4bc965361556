import { ApiError } from './errors.js';

const HOUR_SECONDS = 3600;
const TWELVE_HOURS_SECONDS = 43_200;

/** Which rule decided how long a session lasts; `request` where it lasts as long as was asked. */
export type DurationLimit = 'request' | 'default' | 'root' | 'chain' | 'session' | 'identity-provider' | 'subject';

/** How long a session lasts, and by which rule. */
export interface Granted {
  readonly seconds: number;
  readonly limitedBy: DurationLimit;
}

/** What decides how long a role session lasts. */
export interface DurationQuestion {
  /** DurationSeconds of the request. */
  readonly requested?: number | undefined;
  /** MaxSessionDuration of the role, in seconds. */
  readonly roleMaximum: number;
  /** Whether the caller signs with temporary credentials. */
  readonly chained: boolean;
}

/**
 * The seconds a role session lasts: one hour unless asked otherwise, at most the role's maximum, and at most
 * one hour where roles are chained (AWS STS API Reference: AssumeRole). 900 to 43200 is the contract's part.
 */
export function roleSessionDuration({ requested, roleMaximum, chained }: DurationQuestion): Granted {
  if (requested === undefined) return { seconds: Math.min(HOUR_SECONDS, roleMaximum), limitedBy: 'default' };
  if (chained && requested > HOUR_SECONDS) {
    throw new ApiError(
      'ValidationError',
      'The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.',
    );
  }
  if (requested > roleMaximum) {
    throw new ApiError(
      'ValidationError',
      'The requested DurationSeconds exceeds the MaxSessionDuration set for this role.',
    );
  }
  return { seconds: requested, limitedBy: 'request' };
}

/** What an identity provider says about how long a session may last. */
export interface FederatedLimits {
  /** SessionDuration of a SAML response, in seconds. */
  readonly sessionDuration?: number | undefined;
  /** When the user's session at the identity provider ends. */
  readonly sessionNotOnOrAfter?: Date | undefined;
}

/**
 * The seconds a role session lasts that an identity provider vouches for: as AssumeRole's, which is no chain, and no longer than the
 * provider says (IAM User Guide: SAML assertions for the authentication response). It may say less than 900. Throws
 * ExpiredTokenException where no whole second is left.
 */
export function federatedSessionDuration(question: Omit<DurationQuestion, 'chained'>, { sessionDuration, sessionNotOnOrAfter }: FederatedLimits, now: Date): Granted {
  const granted = roleSessionDuration({ ...question, chained: false });
  const left = sessionNotOnOrAfter === undefined ? Infinity : Math.floor((sessionNotOnOrAfter.getTime() - now.getTime()) / 1000);
  const most = Math.min(sessionDuration ?? Infinity, left);
  if (most < 1) throw new ApiError('ExpiredTokenException', 'The session of the user at the identity provider ends now. Sign in again.');
  return most < granted.seconds ? { seconds: most, limitedBy: 'identity-provider' } : granted;
}

/**
 * The seconds a session of GetSessionToken or GetFederationToken lasts: twelve hours unless asked otherwise; an hour at
 * most, without an error, for the root user (AWS STS API Reference). 900 to 129600 is the contract's part.
 */
export function userSessionDuration(requested: number | undefined, isRoot: boolean): Granted {
  if (isRoot && (requested ?? TWELVE_HOURS_SECONDS) > HOUR_SECONDS) return { seconds: HOUR_SECONDS, limitedBy: requested === undefined ? 'default' : 'root' };
  return requested === undefined ? { seconds: TWELVE_HOURS_SECONDS, limitedBy: 'default' } : { seconds: requested, limitedBy: 'request' };
}

/**
 * The seconds that scoped credentials last: what is left of the session they are made with, or less. Throws
 * InsufficientSessionLifetime (AWS STS API Reference: GetScopedCredentials).
 */
export function scopedDuration(requested: number | undefined, leftSeconds: number): Granted {
  if (requested === undefined) return { seconds: leftSeconds, limitedBy: 'session' };
  if (requested > leftSeconds) {
    throw new ApiError('InsufficientSessionLifetime', `The requested DurationSeconds exceeds the ${String(leftSeconds)} seconds that are left of the calling session.`);
  }
  return { seconds: requested, limitedBy: 'request' };
}

/** Cuts a duration to what is left of a token or session that is exchanged, in whole seconds, as sessions end. */
export function withinSubject(granted: Granted, notAfter: Date, now: Date): Granted {
  const left = Math.floor(notAfter.getTime() / 1000) - Math.floor(now.getTime() / 1000);
  return left < granted.seconds ? { seconds: left, limitedBy: 'subject' } : granted;
}

/** Refuses (InsufficientSessionLifetime) a session shorter than its caller can use. `minRemaining` is in seconds. */
export function requireMinRemaining(granted: Granted, minRemaining: number | undefined): void {
  if (minRemaining === undefined || granted.seconds >= minRemaining) return;
  throw new ApiError('InsufficientSessionLifetime', `minRemaining asks for ${String(minRemaining)} seconds; this session would last ${String(granted.seconds)} (limited by: ${granted.limitedBy}).`);
}
