import { HASH_COST, hashPassword, isPassword, SALT_BYTES } from '../../src/domain/password-hash.js';
import { Secret } from '../../src/domain/secret.js';

const password = Secret.of('correct horse \u00e4 battery \u00ff');
const salt = Buffer.alloc(SALT_BYTES, 7);
/** For what does not depend on the cost. */
const CHEAP = { logN: 4, r: 1, p: 1 };

describe('the hash of a password', () => {
  it('is made with what OWASP recommends: 32 MiB, three times', async () => {
    expect(HASH_COST).toEqual({ logN: 15, r: 8, p: 3 });
    const hashed = await hashPassword(password, salt);
    expect(hashed.reveal()).toMatch(/^\$scrypt\$ln=15,r=8,p=3\$BwcHBwcHBwcHBwcHBwcHBw\$[A-Za-z0-9+/]{43}$/);
    await expect(isPassword(password, hashed)).resolves.toBe(true);
    await expect(isPassword(Secret.of('another one'), hashed)).resolves.toBe(false);
  });

  it('is that of RFC 7914 for its vectors, as far as 32 bytes go', async () => {
    const hashed = await hashPassword(Secret.of('pleaseletmein'), Buffer.from('SodiumChloride'), { logN: 14, r: 8, p: 1 });
    const key = Buffer.from('7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2', 'hex').toString('base64').replace(/=+$/, '');
    expect(hashed.reveal().split('$').at(-1)).toBe(key);
  });

  it('says what it cost, so that one made with another cost can still be checked', async () => {
    for (const cost of [CHEAP, { logN: 10, r: 8, p: 2 }]) {
      const hashed = await hashPassword(password, salt, cost);
      expect(hashed.reveal()).toContain(`ln=${cost.logN},r=${cost.r},p=${cost.p}$`);
      await expect(isPassword(password, hashed)).resolves.toBe(true);
    }
  });

  it('differs with the salt, the password and each part of the cost', async () => {
    const all = await Promise.all([
      hashPassword(password, salt, CHEAP),
      hashPassword(password, Buffer.alloc(SALT_BYTES, 8), CHEAP),
      hashPassword(Secret.of('correct horse'), salt, CHEAP),
      ...(['logN', 'r', 'p'] as const).map((part) => hashPassword(password, salt, { ...CHEAP, [part]: CHEAP[part] + 1 })),
    ]);
    expect(new Set(all.map((hashed) => hashed.reveal().split('$').at(-1))).size).toBe(all.length);
  });

  it('does not show in texts', async () => {
    const hashed = await hashPassword(password, salt, CHEAP);
    expect(`${String(hashed)} ${JSON.stringify({ hashed, password })}`).toBe('[secret] {"hashed":"[secret]","password":"[secret]"}');
  });

  const key = 'A'.repeat(43);
  it.each(['', 'plain text', `$scrypt$ln=15,r=8,p=3$short$${key}`, `$scrypt$ln=15,r=8,p=3$${key}$${key}A`, `$argon2id$ln=15,r=8,p=3$${key}$${key}`, ` $scrypt$ln=4,r=1,p=1$${key}$${key}`])('is none of ours: %j', async (text) => {
    await expect(isPassword(password, Secret.of(text))).rejects.toThrow('a stored password hash is malformed');
  });

  it('must not ask for more memory than 256 MiB', async () => {
    await expect(async () => isPassword(password, Secret.of(`$scrypt$ln=19,r=8,p=1$${key}$${key}`))).rejects.toThrow('a stored password hash asks for too much memory');
  });
});
