import { webcrypto } from 'node:crypto';

import * as x509 from '@peculiar/x509';

x509.cryptoProvider.set(webcrypto as never);

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

/** Whatever the clock of a test and that of the machine say, they are valid, or not. */
const [NOT_BEFORE, EXPIRED, NOT_AFTER] = ['2020-01-01', '2021-01-01', '2049-01-01'].map((day) => new Date(`${day}T00:00:00Z`)) as [Date, Date, Date];

/** A certificate with its private key, in PEM. */
export interface Certified {
  readonly cert: string;
  readonly key: string;
  /** SHA-1 of the certificate, as IAM writes thumbprints. */
  readonly thumbprint: string;
}

/** A certificate authority that exists for one test. */
export class TestCa {
  private constructor(
    private readonly certificate: x509.X509Certificate,
    private readonly keys: webcrypto.CryptoKeyPair,
  ) {}

  static async create(name = 'Test CA', options: { isCa?: boolean; by?: TestCa } = {}): Promise<TestCa> {
    const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
    const certificate = await x509.X509CertificateGenerator.create({
      serialNumber: serial(),
      subject: `CN=${name}`,
      issuer: options.by?.certificate.subject ?? `CN=${name}`,
      notBefore: NOT_BEFORE,
      notAfter: NOT_AFTER,
      signingAlgorithm: ALGORITHM,
      publicKey: keys.publicKey,
      signingKey: (options.by?.keys ?? keys).privateKey,
      extensions: [new x509.BasicConstraintsExtension(options.isCa ?? true, undefined, true), new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true)],
    });
    return new TestCa(certificate, keys);
  }

  get pem(): string {
    return this.certificate.toString('pem');
  }

  async thumbprint(): Promise<string> {
    return thumbprintOf(this.certificate);
  }

  /** A certificate of a server. It is shown together with this authority's. */
  async server(names: readonly string[], options: { expired?: boolean } = {}): Promise<Certified> {
    const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
    const certificate = await x509.X509CertificateGenerator.create({
      serialNumber: serial(),
      subject: `CN=${names[0] ?? ''}`,
      issuer: this.certificate.subject,
      notBefore: NOT_BEFORE,
      notAfter: options.expired === true ? EXPIRED : NOT_AFTER,
      signingAlgorithm: ALGORITHM,
      publicKey: keys.publicKey,
      signingKey: this.keys.privateKey,
      extensions: [new x509.SubjectAlternativeNameExtension(names.map((value) => ({ type: /^[\d.]+$/.test(value) ? 'ip' : 'dns', value })))],
    });
    const exported = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
    return { cert: `${certificate.toString('pem')}\n${this.pem}`, key: x509.PemConverter.encode(exported, 'PRIVATE KEY'), thumbprint: await thumbprintOf(certificate) };
  }
}

async function thumbprintOf(certificate: x509.X509Certificate): Promise<string> {
  return Buffer.from(await certificate.getThumbprint('SHA-1')).toString('hex');
}

let serials = 0;
const serial = (): string => (0x1000 + (serials += 1)).toString(16);
