import { reportHeader, reportLine, ROOT_NAME, type ReportedUser } from '../../src/domain/credential-report.js';

const at = (day: number): Date => new Date(Date.UTC(2026, 10, day, 3, 20, 5, 678));
const shown = (day: number): string => `2026-11-${String(day).padStart(2, '0')}T03:20:05+00:00`;
const none = 'false,N/A,N/A,N/A,N/A';
const certificates = 'false,N/A,false,N/A';

function line(more: Partial<ReportedUser> = {}): string {
  return reportLine({ name: 'alice', arn: 'arn:aws:iam::123456789012:user/alice', createdAt: at(1), isRoot: false, password: undefined, mfaActive: false, keys: [], ...more });
}

describe('a credential report', () => {
  it('has the columns of AWS', () => {
    expect(reportHeader).toBe(
      'user,arn,user_creation_time,password_enabled,password_last_used,password_last_changed,password_next_rotation,mfa_active,' +
        'access_key_1_active,access_key_1_last_rotated,access_key_1_last_used_date,access_key_1_last_used_region,access_key_1_last_used_service,' +
        'access_key_2_active,access_key_2_last_rotated,access_key_2_last_used_date,access_key_2_last_used_region,access_key_2_last_used_service,' +
        'cert_1_active,cert_1_last_rotated,cert_2_active,cert_2_last_rotated',
    );
  });

  const alice = `alice,arn:aws:iam::123456789012:user/alice,${shown(1)}`;
  const used = { at: at(3), region: 'eu-central-1', service: 'sts' };
  const cases: readonly (readonly [string, Partial<ReportedUser>, string])[] = [
    ['a user who has nothing', {}, `${alice},false,N/A,N/A,N/A,false,${none},${none},${certificates}`],
    ['a user with an MFA device', { mfaActive: true }, `${alice},false,N/A,N/A,N/A,true,${none},${none},${certificates}`],
    ['a key that was never used', { keys: [{ active: true, createdAt: at(2), lastUse: undefined }] }, `${alice},false,N/A,N/A,N/A,false,true,${shown(2)},N/A,N/A,N/A,${none},${certificates}`],
    [
      'two keys, one of them inactive',
      { keys: [{ active: false, createdAt: at(2), lastUse: used }, { active: true, createdAt: at(4), lastUse: undefined }] },
      `${alice},false,N/A,N/A,N/A,false,false,${shown(2)},${shown(3)},eu-central-1,sts,true,${shown(4)},N/A,N/A,N/A,${certificates}`,
    ],
    [
      'a password that was never used and need not be changed',
      { password: { changedAt: at(5), lastUsedAt: undefined, nextRotationAt: undefined } },
      `${alice},true,no_information,${shown(5)},N/A,false,${none},${none},${certificates}`,
    ],
    [
      'a password that was used and must be changed',
      { password: { changedAt: at(5), lastUsedAt: at(6), nextRotationAt: at(7) } },
      `${alice},true,${shown(6)},${shown(5)},${shown(7)},false,${none},${none},${certificates}`,
    ],
    [
      'the root user',
      { name: ROOT_NAME, arn: 'arn:aws:iam::123456789012:root', isRoot: true },
      `<root_account>,arn:aws:iam::123456789012:root,${shown(1)},false,N/A,N/A,not_supported,false,${none},${none},${certificates}`,
    ],
  ];
  it.each(cases)('writes %s', (_, user, expected) => {
    expect(line(user)).toBe(expected);
  });

  it('has a field for every column, whatever a line says', () => {
    for (const [, user] of cases) expect(line(user).split(',')).toHaveLength(reportHeader.split(',').length);
  });

  it.each([
    ['a,b', '"a,b"'],
    ['say "hello"', '"say ""hello"""'],
    ['two\nlines', '"two\nlines"'],
    ['two\rlines', '"two\rlines"'],
    // As AWS writes them: whoever reads a report finds users by these names.
    ['=1+1', '=1+1'],
    ['+a', '+a'],
    ['-a', '-a'],
    ['@a', '@a'],
  ])('writes the name %j as RFC 4180 does', (name, written) => {
    expect(line({ name })).toBe(line({ name: 'NAME' }).replace('NAME', () => written));
  });
});
