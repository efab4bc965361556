import { ApiError } from '../domain/errors.js';

/**
 * Checks the code of an MFA device, where one is given, and answers when that was. No device is known yet, so none
 * is valid. Throws AccessDenied in AWS's words (sts-api §11).
 */
export function checkedMfa(given: { SerialNumber?: string | undefined; TokenCode?: string | undefined }): Date | undefined {
  if (given.SerialNumber === undefined && given.TokenCode === undefined) return undefined;
  if (given.SerialNumber === undefined || given.TokenCode === undefined) {
    throw new ApiError('AccessDenied', 'MultiFactorAuthentication failed, must provide both MFA serial number and one time pass code.');
  }
  throw new ApiError('AccessDenied', 'MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA serial number is valid and associated with this user.');
}
