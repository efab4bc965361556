import { eventName } from '../../src/audit/record.js';
import { camelCase, markOf, shapeOf, type Contract } from '../../src/contract/operation.js';
import { TestApp, type AuditEvent, type Keys } from '../support/app.js';
import { call, effectOf, facesOf, operationOf, registry, withoutIds, type Called, type Effect, type Face, type Input } from '../support/calls.js';
import { scenarios, type Scenario } from '../support/scenarios.js';
import { World } from '../support/world.js';

type Prepared = { input: Input; caller?: Keys };

/** An effect as it must be on every face: no ids, no secrets, no order that depends on them. */
function comparable({ result, added, removed, events }: Effect<Called>, contract: Contract): unknown {
  return {
    code: result.code,
    status: result.status,
    message: withoutIds(result.message ?? ''),
    output: withoutIds(JSON.stringify(common(result.output, contract))),
    added: added.map(withoutIds).sort(),
    removed: removed.map(withoutIds).sort(),
    events: events.map(ofEvent).sort(),
  };
}

/** An output without the members that only REST shows. */
function common(output: unknown, { output: schema }: Contract): unknown {
  const own = Object.entries(shapeOf(schema)).filter(([, member]) => markOf(member).restOnly === true).map(([name]) => camelCase(name));
  return typeof output === 'object' && output !== null ? Object.fromEntries(Object.entries(output).filter(([name]) => !own.includes(name))) : null;
}

function ofEvent({ outcome, event_name, error_code, text }: AuditEvent): string {
  return `${event_name} ${outcome} ${String(error_code)} ${withoutIds(text)}`;
}

/** What issues a token that is nowhere kept, or forgets what was counted: the event is all that is left of it. */
const leavesOnlyItsEvent = ['GetWebIdentityToken', 'UnlockMFADevice'];

/** Refusals of calls that prove nothing of who makes them. */
const unproved = ['ExchangeToken IDPCommunicationError', 'AssumeRoleWithWebIdentity IDPCommunicationError'];

describe('an operation answers the same on every face', () => {
  const apps = new Map<Face, TestApp>();
  let worlds = 0;

  /** Begins on empty tables: what a call did is found by comparing all rows, of all worlds before it. */
  async function begin(): Promise<void> {
    await end();
    for (const face of ['query', 'rest'] as const) apps.set(face, await TestApp.boot());
  }
  async function end(): Promise<void> {
    for (const app of apps.values()) await app.close();
    apps.clear();
  }
  beforeAll(begin);
  afterAll(end);

  async function run(face: Face, scenario: Scenario, prepare: (world: World) => Promise<Prepared>): Promise<Effect<Called>> {
    const app = apps.get(face)!;
    const world = await new World(app).account(`scenario ${String(worlds)}`);
    const { input, caller = world.root } = await prepare(world);
    return effectOf(app, () => call(app, face, { operation: scenario.operation, keys: caller, input }));
  }

  /** Runs a scenario on each face the operation has, and answers what each did. */
  async function everywhere(scenario: Scenario, prepare = scenario.prepare): Promise<Effect<Called>[]> {
    worlds += 1;
    if (worlds % 40 === 0) await begin();
    const effects: Effect<Called>[] = [];
    for (const face of facesOf(operationOf(apps.get('rest')!, scenario.operation))) effects.push(await run(face, scenario, prepare));
    const [first, ...others] = effects;
    const { contract } = operationOf(apps.get('rest')!, scenario.operation);
    for (const other of others) expect(comparable(other, contract)).toEqual(comparable(first!, contract));
    return effects;
  }

  it.each(scenarios)('$operation $title: $expected', async (scenario) => {
    for (const { result, added, removed, events } of await everywhere(scenario)) {
      expect(result.code ?? 'ok').toBe(scenario.expected);
      expect(events.map((event) => [event.event_name, event.outcome, event.error_code])).toEqual(
        expected(events.length, scenario),
      );
      const { effect } = operationOf(apps.get('rest')!, scenario.operation).contract;
      expect(added.length + removed.length > 0).toBe(scenario.expected === 'ok' && effect !== 'read' && !leavesOnlyItsEvent.includes(scenario.operation));
    }
  });

  /** One event; for a call into another account two, where it succeeded. */
  function expected(count: number, { operation, expected: code }: Scenario): unknown[] {
    // Of whom nothing could be found out nothing is recorded.
    if (unproved.includes(`${operation} ${code}`)) return [];
    const name = eventName(operationOf(apps.get('rest')!, operation));
    const one = code === 'ok' ? [name, 'success', null] : [name, 'refused', code];
    return count === 2 && code === 'ok' ? [one, one] : [one];
  }

  /** Operations that admit any caller, or judge it themselves. */
  const open = ['AssumeRole', 'AssumeRoleWithSAML', 'AssumeRoleWithWebIdentity', 'AssumeRoot', 'ExchangeSession', 'ExchangeToken', 'GetCallerIdentity', 'GetScopedCredentials', 'GetSessionToken', 'GetWebIdentityToken', 'RevokeToken', 'SignIn'];
  /** Operations that never succeed, and say so. */
  const never = ['CreateServiceLinkedRole', 'DeleteServiceLinkedRole', 'GetDelegatedAccessToken', 'GetServiceLinkedRoleDeletionStatus'];
  const permitted = [...new Map(scenarios.filter((scenario) => scenario.expected === 'ok' && !open.includes(scenario.operation)).reverse().map((scenario) => [scenario.operation, scenario])).values()];

  it.each(permitted)('$operation is refused to a user whom no policy allows it', async (scenario) => {
    const effects = await everywhere(scenario, async (world) => ({ ...(await scenario.prepare(world)), caller: await world.user('powerless') }));
    for (const { result, added, removed, events } of effects) {
      expect([result.code, result.status]).toEqual(['AccessDenied', 403]);
      expect([...added, ...removed]).toEqual([]);
      expect(events.map((event) => [event.event_name, event.outcome])).toEqual([[scenario.operation, 'refused']]);
    }
  });

  it('has a scenario that succeeds for every operation, and one that is refused', () => {
    const names = registry(apps.get('rest')!).map(({ name }) => name).sort();
    const with_ = (wanted: (scenario: Scenario) => boolean): string[] => [...new Set(scenarios.filter(wanted).map(({ operation }) => operation))].sort();
    expect(with_(({ expected: code }) => code === 'ok')).toEqual(names.filter((name) => !never.includes(name)));
    expect(registry(apps.get('rest')!).filter(({ contract }) => 'caller' in contract.access).map(({ name }) => name).sort()).toEqual(open);
    const listsOnly = ['GenerateCredentialReport', 'GetAccountSettings', 'GetAccountSummary', 'GetCallerIdentity', 'ListOpenIDConnectProviders', 'ListRoles', 'ListSAMLProviders'];
    expect(with_(({ expected: code }) => code !== 'ok')).toEqual(names.filter((name) => !listsOnly.includes(name)));
  });

  it('has a scenario for every refusal an operation documents, but those that take a race or that many entities', () => {
    // Only REST can ask for a least duration; other sessions cannot come to that.
    const restOnly = ['AssumeRole', 'AssumeRoleWithSAML', 'AssumeRoleWithWebIdentity', 'AssumeRoot', 'GetFederationToken', 'GetSessionToken'].map((name) => `${name} InsufficientSessionLifetime`);
    // And only REST refuses a trust policy for its risks.
    const risky = ['CreateRole RiskyTrustPolicy', 'UpdateAssumeRolePolicy RiskyTrustPolicy'];
    const rare = new Set([...restOnly, ...risky, 'ConcurrentModification', 'CreateInstanceProfile LimitExceeded', 'CreateVirtualMFADevice LimitExceeded', 'CreateUser LimitExceeded', 'CreateGroup LimitExceeded']);
    const missing = registry(apps.get('rest')!).flatMap(({ name, contract }) =>
      contract.errors
        .filter((code) => !rare.has(code) && !rare.has(`${name} ${code}`) && code !== 'AccessDenied')
        .filter((code) => !scenarios.some((scenario) => scenario.operation === name && scenario.expected === code))
        .map((code) => `${name} ${code}`),
    );
    expect(missing).toEqual([]);
  });
});
