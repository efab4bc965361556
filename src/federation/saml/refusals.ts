import { ApiError } from '../../domain/errors.js';

// What AWS says (STS API: AssumeRoleWithSAML; IAM User Guide: troubleshooting SAML). The log has the reason.
const MALFORMED = 'Invalid base64 SAMLResponse';
const SIGNATURE = 'Response signature invalid';
const EXPIRED = 'Token must be redeemed within 5 minutes of issuance';
const DENIED = 'Not authorized to perform sts:AssumeRoleWithSAML';
const REJECTED = 'The identity provider reported that authentication failed.';

/** The refusal (InvalidIdentityToken) of a response, in the words of the caller; `why` is for the log. */
export function invalid(message: string, why: string, cause?: unknown): ApiError {
  return new ApiError('InvalidIdentityToken', message, { detail: { why }, ...(cause !== undefined && { cause }) });
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
  return new ApiError('ExpiredTokenException', EXPIRED, { detail: { why } });
}

/** The refusal of a response that says nothing about whom or what it lets in. */
export function denied(why: string): ApiError {
  return new ApiError('AccessDenied', DENIED, { detail: { why } });
}

/** The refusal of a response that is itself one. */
export function rejected(why: string): ApiError {
  return new ApiError('IDPRejectedClaim', REJECTED, { detail: { why } });
}
