import { ApiError } from './errors.js';

const HOUR_SECONDS = 3600;

/** What decides how long a role session lasts. */
export interface DurationQuestion {
  /** DurationSeconds of the request. */
  readonly requested?: number;
  /** MaxSessionDuration of the role, in seconds. */
  readonly roleMaximum: number;
  /** Whether the caller signs with temporary credentials. */
  readonly chained: boolean;
}

/**
 * The seconds a role session lasts: one hour unless asked otherwise, at most the role's maximum, and at most
 * one hour where roles are chained (AWS STS API Reference: AssumeRole). 900 to 43200 is the contract's part.
 */
export function roleSessionDuration({ requested, roleMaximum, chained }: DurationQuestion): number {
  if (requested === undefined) return Math.min(HOUR_SECONDS, roleMaximum);
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
  return requested;
}
