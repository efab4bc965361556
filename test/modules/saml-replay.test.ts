import { ApiError } from '../../src/domain/errors.js';
import { Database, violates } from '../../src/kernel/database.js';
import { append, type Append, type AppendTable } from '../../src/kernel/ledger.js';
import { Retention } from '../../src/sessions/retention.js';
import { UsedAssertionsStore, type UsedAssertion } from '../../src/sessions/used-assertions.store.js';
import { TestApp } from '../support/app.js';

const used = { code: 'InvalidIdentityToken', message: 'The SAML assertion was used before. Sign in again.' };
/** Stands for the row of a session, which is committed together with the assertion it was issued for. */
const ticket: AppendTable<string> = { name: 'ticket', columns: [{ name: 'id', type: 'text', of: (id) => id }] };

let a: TestApp;
let b: TestApp;
let store: UsedAssertionsStore;
let count = 0;
beforeAll(async () => {
  a = await TestApp.boot();
  b = await TestApp.boot({ beside: a });
  store = a.running.app.get(UsedAssertionsStore);
  await a.sql('CREATE TABLE ticket (id text PRIMARY KEY)');
});
afterAll(async () => {
  await b.close();
  await a.close();
});

const assertion = (more: Partial<UsedAssertion> = {}): UsedAssertion => ({
  providerArn: 'arn:aws:iam::111122223333:saml-provider/IdP',
  issuer: 'https://idp.example/saml',
  assertionId: `_${String((count += 1))}`,
  acceptedUntil: new Date(a.clock.now().getTime() + 300_000),
  ...more,
});
const tickets = async (of: string): Promise<number> => (await a.sql('SELECT 1 FROM ticket WHERE id LIKE $1', [`${of}/%`])).length;

/** Commits a session for an assertion on a node, as an issuance does: `ok`, or the code and text of the refusal. */
async function redeem(node: TestApp, rows: readonly Append[]): Promise<unknown> {
  try {
    await node.running.kernel.ledger.commit(rows);
    return 'ok';
  } catch (error) {
    const refusal = rows.find(({ taken }) => taken !== undefined && violates(error, taken.constraint))?.taken?.refusal();
    if (!(refusal instanceof ApiError)) throw error;
    return { code: refusal.code, message: refusal.message };
  }
}
const isUsed = async (node: TestApp, of: UsedAssertion): Promise<boolean> => {
  try {
    await node.running.app.get(Database).read((tx) => store.requireUnused(tx, of));
    return false;
  } catch (error) {
    expect(error).toBeInstanceOf(ApiError);
    expect(error).toMatchObject(used);
    return true;
  }
};

describe('a SAML assertion', () => {
  it('counts once, however often and wherever it is brought at the same time', async () => {
    for (let round = 0; round < 10; round += 1) {
      const one = assertion();
      const outcomes = await Promise.all(Array.from({ length: 20 }, (_, index) => redeem(index % 2 === 0 ? a : b, [append(ticket, `${one.assertionId}/${String(index)}`), store.used(one)])));
      expect(outcomes.filter((outcome) => outcome === 'ok')).toHaveLength(1);
      expect(outcomes.filter((outcome) => outcome !== 'ok')).toEqual(Array.from({ length: 19 }, () => used));
      // What was refused left nothing of its session.
      expect(await tickets(one.assertionId)).toBe(1);
    }
  });

  it('does not take others of its batch with it', async () => {
    const one = assertion();
    expect(await redeem(a, [store.used(one)])).toBe('ok');
    const others = Array.from({ length: 5 }, () => assertion());
    const outcomes = await Promise.all([redeem(a, [store.used(one)]), ...others.map((other) => redeem(a, [store.used(other)]))]);
    expect(outcomes).toEqual([used, 'ok', 'ok', 'ok', 'ok', 'ok']);
  });

  it('is found to be used on every node, before anything is done for it', async () => {
    const one = assertion();
    expect([await isUsed(a, one), await isUsed(b, one)]).toEqual([false, false]);
    await redeem(a, [store.used(one)]);
    expect([await isUsed(a, one), await isUsed(b, one)]).toEqual([true, true]);
  });

  it('of another provider or issuer is another, whatever characters are in their names', async () => {
    const one = assertion({ assertionId: '_same' });
    const all = [one, { ...one, providerArn: 'arn:aws:iam::444455556666:saml-provider/IdP' }, { ...one, issuer: 'https://idp.example/' }, { ...one, issuer: 'https://idp.example/saml","_same' }, { ...one, assertionId: '_Same' }];
    for (const each of all) expect(await redeem(a, [store.used(each)])).toBe('ok');
    for (const each of all) expect(await redeem(b, [store.used(each)])).toEqual(used);
  });

  it('that could not be committed for another reason is not said to be used', async () => {
    const [one, other] = [assertion(), assertion()];
    expect(await redeem(a, [append(ticket, `${one.assertionId}/0`), store.used(one)])).toBe('ok');
    await expect(redeem(a, [append(ticket, `${one.assertionId}/0`), store.used(other)])).rejects.toMatchObject({ code: 'ServiceUnavailable' });
    expect(await isUsed(b, other)).toBe(false);
  });

  it('is remembered an hour longer than it could be brought, and then no more', async () => {
    await a.sql('DELETE FROM saml_assertion');
    const [one, later] = [assertion(), assertion({ acceptedUntil: new Date(a.clock.now().getTime() + 301_000) })];
    await redeem(a, [store.used(one), store.used(later)]);
    const retention = a.running.app.get(Retention);
    a.clock.advance(3_900);
    await retention.run();
    expect([await isUsed(b, one), await isUsed(b, later)]).toEqual([true, true]);
    a.clock.advance(1);
    await retention.run();
    expect([await isUsed(b, one), await isUsed(b, later)]).toEqual([false, true]);
  });
});
