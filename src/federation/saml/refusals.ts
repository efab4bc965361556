import { ApiError } from '../../domain/errors.js';

// What AWS says (STS API: AssumeRoleWithSAML; IAM User Guide: troubleshooting SAML). The log has the reason.
const MALFORMED = 'Invalid base64 SAMLResponse';
const SIGNATURE = 'Response signature invalid';
const EXPIRED = 'Token must be redeemed within 5 minutes of issuance';
const DENIED = 'Not authorized to perform sts:AssumeRoleWithSAML';
const REJECTED = 'The identity provider reported that authentication failed.';

/** How much of a reason is logged, in characters: names in it are what anybody may have sent. */
const WHY_MAX = 200;

/** The refusal (InvalidIdentityToken) of a response; `why` is for the log. */
export function invalid(message: string, why: string, cause?: unknown): ApiError {
  return new ApiError('InvalidIdentityToken', message, { ...reason(why), ...(cause !== undefined && { cause }) });
}

function reason(why: string): { detail: { why: string } } {
  return { detail: { why: why.slice(0, WHY_MAX) } };
}

/** The refusal of what is no response that could be read. */
export function malformed(why: string, cause?: unknown): ApiError {
  return invalid(MALFORMED, why, cause);
}

/** The refusal of a signature; also of what does not decrypt, so that nobody learns how far a forgery came. */
export function unsigned(why: string, cause?: unknown): ApiError {
  return invalid(SIGNATURE, why, cause);
}

/** The refusal of what is not valid any more, or not yet. */
export function expired(why: string): ApiError {
  return new ApiError('ExpiredTokenException', EXPIRED, reason(why));
}

/** The refusal of a response that says nothing about whom or what it lets in. */
export function denied(why: string): ApiError {
  return new ApiError('AccessDenied', DENIED, reason(why));
}

/** The refusal of a response that is itself one. */
export function rejected(why: string): ApiError {
  return new ApiError('IDPRejectedClaim', REJECTED, reason(why));
}
