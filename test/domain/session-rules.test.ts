import { ApiError } from '../../src/domain/errors.js';
import { roleSessionDuration } from '../../src/domain/session-rules.js';

const exceedsRole = 'The requested DurationSeconds exceeds the MaxSessionDuration set for this role.';
const exceedsChain = 'The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.';

type Row = [requested: number | undefined, roleMaximum: number, chained: boolean, answer: number | string];

const rows: Row[] = [
  [undefined, 3600, false, 3600],
  [undefined, 43200, false, 3600],
  [undefined, 43200, true, 3600],
  [900, 3600, false, 900],
  [3600, 3600, false, 3600],
  [3601, 3600, false, exceedsRole],
  [43200, 43200, false, 43200],
  [43200, 43199, false, exceedsRole],
  [900, 43200, true, 900],
  [3600, 43200, true, 3600],
  [3601, 43200, true, exceedsChain],
  [3601, 3600, true, exceedsChain],
];

describe('the duration of a role session', () => {
  const cases = rows.map(([requested, roleMaximum, chained, answer]) => ({ requested, roleMaximum, chained, answer }));

  it.each(cases)('asked for $requested of at most $roleMaximum seconds, chained $chained: $answer', row => {
    const { requested, roleMaximum, chained, answer } = row;
    const question = { roleMaximum, chained, ...(requested !== undefined && { requested }) };
    if (typeof answer === 'number') expect(roleSessionDuration(question)).toBe(answer);
    else expect(() => roleSessionDuration(question)).toThrow(new ApiError('ValidationError', answer));
  });
});
