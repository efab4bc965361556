import { iamArn } from '../domain/arn.js';
import type { UserRow } from './identities.entities.js';

/** A user's ARN. */
export function userArn(row: Pick<UserRow, 'accountId' | 'path' | 'userName'>): string {
  return iamArn(row.accountId, 'user', `${row.path}${row.userName}`);
}

/** A user as lists show him: without tags and boundary (IAM API: ListUsers, GetGroup). */
export function listedUserOf(row: UserRow): { Path: string; UserName: string; UserId: string; Arn: string; CreateDate: Date } {
  return { Path: row.path, UserName: row.userName, UserId: row.userId, Arn: userArn(row), CreateDate: row.createdAt };
}
