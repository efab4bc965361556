import { ApiError } from '../domain/errors.js';
import type { ReadTx } from '../kernel/database.js';

/** A managed policy as the permissions boundary of a user or role, in the columns of their rows. */
export interface Boundary {
  readonly boundaryArn: string | null;
  readonly boundaryPolicyId: string | null;
}

/** No boundary. */
export const unbounded: Boundary = { boundaryArn: null, boundaryPolicyId: null };

/** Finds the policies that are to be boundaries. Users and roles stand below policies, which fill this in. */
export abstract class BoundaryPolicies {
  /** The managed policy with this ARN, shipped or of the account. Throws InvalidInput for what is no ARN of one, and NoSuchEntity. */
  abstract boundary(tx: ReadTx, arn: string, account: string): Promise<Boundary>;
}

/** The refusal of a policy that does not exist, or has just been deleted. */
export function noBoundary(arn: string | null): ApiError {
  return new ApiError('NoSuchEntity', `Scope ARN: ${arn ?? ''} does not exist or is not attachable.`);
}

/** A boundary as answers show it; the wire says `Policy`, whatever the AWS model says. */
export function shownBoundary({ boundaryArn }: Pick<Boundary, 'boundaryArn'>): { PermissionsBoundary?: { PermissionsBoundaryType: string; PermissionsBoundaryArn: string } } {
  return boundaryArn === null ? {} : { PermissionsBoundary: { PermissionsBoundaryType: 'Policy', PermissionsBoundaryArn: boundaryArn } };
}
