/** What a report says of a password. */
export interface ReportedPassword {
  readonly changedAt: Date;
  /** Undefined where it was never used. */
  readonly lastUsedAt: Date | undefined;
  /** When it must be changed; undefined where it need not be. */
  readonly nextRotationAt: Date | undefined;
}

/** What a report says of an access key. */
export interface KeyFacts {
  readonly active: boolean;
  readonly createdAt: Date;
  /** Undefined where it was never used. */
  readonly lastUse: { readonly at: Date; readonly region: string; readonly service: string } | undefined;
}

/** One line of a report: a user, or the root user of the account. */
export interface ReportedUser {
  readonly name: string;
  readonly arn: string;
  readonly createdAt: Date;
  readonly isRoot: boolean;
  readonly password: ReportedPassword | undefined;
  readonly mfaActive: boolean;
  /** Two at the most. */
  readonly keys: readonly KeyFacts[];
}

/** How a report calls the root user. */
export const ROOT_NAME = '<root_account>';

const keyColumns = (number: number): string[] => ['active', 'last_rotated', 'last_used_date', 'last_used_region', 'last_used_service'].map((column) => `access_key_${String(number)}_${column}`);

/** The columns of a report (IAM User Guide: credential reports). */
const COLUMNS = [
  'user',
  'arn',
  'user_creation_time',
  'password_enabled',
  'password_last_used',
  'password_last_changed',
  'password_next_rotation',
  'mfa_active',
  ...keyColumns(1),
  ...keyColumns(2),
  'cert_1_active',
  'cert_1_last_rotated',
  'cert_2_active',
  'cert_2_last_rotated',
];

const NONE = 'N/A';

/** The first line of a report. Lines end with a line feed, but for the last one. */
export const reportHeader = COLUMNS.join(',');

/** The line of a user. */
export function reportLine(user: ReportedUser): string {
  const [first, second] = user.keys;
  const certificates = ['false', NONE, 'false', NONE];
  return [user.name, user.arn, time(user.createdAt), ...password(user), String(user.mfaActive), ...key(first), ...key(second), ...certificates].map(field).join(',');
}

// A password that is due to be changed at no time, and the root user's, of which no policy says so, read differently.
function password({ password: facts, isRoot }: ReportedUser): string[] {
  const never = isRoot ? 'not_supported' : NONE;
  if (facts === undefined) return ['false', NONE, NONE, never];
  const { lastUsedAt, changedAt, nextRotationAt } = facts;
  return ['true', lastUsedAt === undefined ? 'no_information' : time(lastUsedAt), time(changedAt), nextRotationAt === undefined ? never : time(nextRotationAt)];
}

function key(facts: KeyFacts | undefined): string[] {
  if (facts === undefined) return ['false', NONE, NONE, NONE, NONE];
  const { active, createdAt, lastUse } = facts;
  return [String(active), time(createdAt), ...(lastUse === undefined ? [NONE, NONE, NONE] : [time(lastUse.at), lastUse.region, lastUse.service])];
}

/** `2026-11-25T03:20:00+00:00`: as reports write times, with an offset instead of a Z. */
function time(date: Date): string {
  return `${date.toISOString().slice(0, 19)}+00:00`;
}

/**
 * A field as RFC 4180 writes it: quoted where it must be. A name that begins like a formula of a spreadsheet (`=`, `+`,
 * `-`, `@`) stays as it is, as in AWS: whoever reads a report finds users by their names.
 */
function field(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
