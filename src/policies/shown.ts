import type { ManagedPolicyRow, PolicyVersionRow } from './managed.entities.js';
import { policyArn } from './managed.store.js';
import type { UseCounts } from './uses.js';

interface Shown {
  PolicyName: string;
  PolicyId: string;
  Arn: string;
  Path: string;
  DefaultVersionId: string;
  AttachmentCount: number;
  PermissionsBoundaryUsageCount: number;
  IsAttachable: boolean;
  CreateDate: Date;
  UpdateDate: Date;
}

/** A managed policy as lists show it, with how often it is used within an account. */
export function shownPolicy(row: ManagedPolicyRow, { attachments, boundaries }: UseCounts): Shown {
  return {
    PolicyName: row.policyName,
    PolicyId: row.policyId,
    Arn: policyArn(row),
    Path: row.path,
    DefaultVersionId: `v${String(row.defaultVersion)}`,
    AttachmentCount: attachments.get(policyArn(row)) ?? 0,
    PermissionsBoundaryUsageCount: boundaries.get(policyArn(row)) ?? 0,
    IsAttachable: true,
    CreateDate: row.createdAt,
    UpdateDate: row.updatedAt,
  };
}

/** A version of a policy as lists show it, without its document. */
export function shownVersion(row: PolicyVersionRow, isDefault: boolean): { VersionId: string; IsDefaultVersion: boolean; CreateDate: Date } {
  return { VersionId: `v${String(row.version)}`, IsDefaultVersion: isDefault, CreateDate: row.createdAt };
}
