// Measures what those can do to others who have no credential: they send SAML responses that prove nothing, as fast as the
// server answers, while somebody asks who he is. See docs/performance.md.
import 'reflect-metadata';
import { generateKeyPairSync, randomBytes, webcrypto } from 'node:crypto';
import { loadavg } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';

import * as x509 from '@peculiar/x509';

import { formOf, prepared, query } from './client.mjs';
import { circumstances, factLines, rounded, table } from './report.mjs';
import { onStage } from './stage.mjs';

const USAGE = `Usage: npm run bench:strangers -- [options]
  --seconds N       length of each measurement, 1 to 60 (default 6)
  --strangers N     how many send at a time, 1 to 200 (default 32)
  --server FILE     another build's dist/src/main.js
`;
const PAUSE_MS = 5;
const WARM_UP_SECONDS = 2;
const NS = { p: 'urn:oasis:names:tc:SAML:2.0:protocol', a: 'urn:oasis:names:tc:SAML:2.0:assertion', ds: 'http://www.w3.org/2000/09/xmldsig#', e: 'http://www.w3.org/2001/04/xmlenc#' };
const EXC = 'http://www.w3.org/2001/10/xml-exc-c14n#';
const declared = Object.entries(NS).map(([prefix, uri]) => ` xmlns:${prefix}="${uri}"`).join('');

const response = (carried) => `<p:Response${declared} ID="_r" Version="2.0"><a:Issuer>i</a:Issuer><p:Status><p:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></p:Status>${carried}</p:Response>`;
const signature = `<ds:Signature><ds:SignedInfo><ds:CanonicalizationMethod Algorithm="${EXC}"/><ds:SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"/><ds:Reference URI="#_a"><ds:Transforms><ds:Transform Algorithm="${NS.ds}enveloped-signature"/><ds:Transform Algorithm="${EXC}"/></ds:Transforms><ds:DigestMethod Algorithm="${NS.e}sha256"/><ds:DigestValue>${Buffer.alloc(32).toString('base64')}</ds:DigestValue></ds:Reference></ds:SignedInfo><ds:SignatureValue>${Buffer.alloc(256, 1).toString('base64')}</ds:SignatureValue></ds:Signature>`;
const signed = (content) => response(`<a:Assertion ID="_a" Version="2.0"><a:Issuer>i</a:Issuer>${signature}${content}</a:Assertion>`);
const value = (bytes) => `<e:CipherData><e:CipherValue>${bytes.toString('base64')}</e:CipherValue></e:CipherData>`;
// As long as what RSA of 4,096 bits makes, and small enough to be taken for it.
const wrapped = () => `<e:EncryptedKey><e:EncryptionMethod Algorithm="${NS.e}rsa-oaep-mgf1p"/>${value(Buffer.concat([Buffer.alloc(1), randomBytes(511)]))}</e:EncryptedKey>`;
const encrypted = (keys) => response(`<a:EncryptedAssertion><e:EncryptedData><e:EncryptionMethod Algorithm="http://www.w3.org/2009/xmlenc11#aes256-gcm"/><ds:KeyInfo>${Array.from({ length: keys }, wrapped).join('')}</ds:KeyInfo>${value(randomBytes(200))}</e:EncryptedData></a:EncryptedAssertion>`);

/** What strangers send: nothing, a response as others are, one as large as it may be, and one that is encrypted. */
const FLOODS = {
  'nobody else': undefined,
  'responses that are signed by nobody': () => signed(''),
  'the same, of 1,100 elements with 7 attributes each': () => signed(`<a:x${Array.from({ length: 7 }, (_, index) => ` b${index}="1"`).join('')}/>`.repeat(1_100)),
  'encrypted nonsense with two keys': () => encrypted(2),
  'the same with four keys': () => encrypted(4),
};

/** A SAML provider with a signing certificate and two private keys of 4,096 bits, which is as much as there can be. */
async function register(stage) {
  x509.cryptoProvider.set(webcrypto);
  const signingAlgorithm = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256', publicExponent: new Uint8Array([1, 0, 1]), modulusLength: 2_048 };
  const keys = await webcrypto.subtle.generateKey(signingAlgorithm, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({ serialNumber: '01', name: 'CN=idp', notBefore: new Date('2020-01-01'), notAfter: new Date('2040-01-01'), signingAlgorithm, keys });
  const metadata = `<m:EntityDescriptor xmlns:m="urn:oasis:names:tc:SAML:2.0:metadata" xmlns:ds="${NS.ds}" entityID="i"><m:IDPSSODescriptor protocolSupportEnumeration="${NS.p}"><m:KeyDescriptor use="signing"><ds:KeyInfo><ds:X509Data><ds:X509Certificate>${Buffer.from(certificate.rawData).toString('base64')}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></m:KeyDescriptor><m:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="https://idp.example/"/></m:IDPSSODescriptor></m:EntityDescriptor>`.padEnd(1_000);
  const pem = () => generateKeyPairSync('rsa', { modulusLength: 4_096 }).privateKey.export({ type: 'pkcs8', format: 'pem' });
  const call = (form) => query({ url: stage.url, keys: stage.root, service: 'iam', form: formOf('iam', form) });
  const { SAMLProviderArn } = await call({ Action: 'CreateSAMLProvider', Name: 'Corp', SAMLMetadataDocument: metadata, AddPrivateKey: pem() });
  await call({ Action: 'UpdateSAMLProvider', SAMLProviderArn, AddPrivateKey: pem() });
  return SAMLProviderArn;
}

/** Sends what strangers send until it is told to end; answers how often each status came. */
async function flood(stage, { provider, make, strangers, signal }) {
  const statuses = new Map();
  const one = async () => {
    while (!signal.aborted) {
      const body = formOf('sts', { Action: 'AssumeRoleWithSAML', RoleArn: stage.world.workerArn, PrincipalArn: provider, SAMLAssertion: Buffer.from(make()).toString('base64') });
      const answer = await fetch(stage.url, { method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded' }, body });
      await answer.text();
      statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
      if (answer.status === 503) await stage.pause(PAUSE_MS);
    }
  };
  await Promise.all(Array.from({ length: strangers }, one));
  return statuses;
}

/** How long GetCallerIdentity takes, asked again and again, and how late the event loop is meanwhile. */
async function ask(stage, seconds) {
  const took = [];
  const until = performance.now() + (seconds + WARM_UP_SECONDS) * 1000;
  const from = performance.now() + WARM_UP_SECONDS * 1000;
  for (let isMeasured = false; performance.now() < until; ) {
    if (!isMeasured && performance.now() >= from) {
      isMeasured = true;
      await stage.delays();
    }
    const send = prepared({ url: stage.url, keys: stage.world.keys, service: 'sts', form: formOf('sts', { Action: 'GetCallerIdentity' }) });
    const begun = performance.now();
    await send();
    if (isMeasured) took.push(performance.now() - begun);
    await stage.pause(PAUSE_MS);
  }
  took.sort((a, b) => a - b);
  return { p50: took[Math.floor(took.length / 2)], p99: took[Math.floor(took.length * 0.99)], delay: await stage.delays() };
}

async function run(stage, { seconds, strangers, server }) {
  const [before] = loadavg();
  const logLevel = process.env.STINT_LOG_LEVEL ?? 'info';
  await stage.open({ main: server, logLevel, collects: true });
  const provider = await register(stage);
  const lines = [];
  for (const [title, make] of Object.entries(FLOODS)) {
    process.stderr.write(`bench: ${title}\n`);
    const end = new AbortController();
    const flooding = make === undefined ? new Map() : flood(stage, { provider, make, strangers, signal: end.signal });
    const { p50, p99, delay } = await ask(stage, seconds);
    end.abort();
    const statuses = await flooding;
    const perSecond = (status) => rounded((statuses.get(status) ?? 0) / (seconds + WARM_UP_SECONDS));
    lines.push([title, rounded(p50, 1), rounded(p99, 1), rounded(delay.mean, 1), rounded(delay.p99, 1), rounded(delay.max, 1), perSecond(400), perSecond(503)]);
  }
  const header = ['beside GetCallerIdentity', 'p50 ms', 'p99 ms', 'loop late by, mean ms', 'p99 ms', 'most ms', 'refused/s', 'told to come back/s'];
  process.stdout.write(['', table(header, lines), '', ...factLines(circumstances(stage, { logLevel, before })), ''].join('\n'));
}

async function main() {
  const { values } = parseArgs({ options: { seconds: { type: 'string', default: '6' }, strangers: { type: 'string', default: '32' }, server: { type: 'string', default: path.join(import.meta.dirname, '../dist/src/main.js') }, help: { type: 'boolean', default: false } } });
  const [seconds, strangers] = [Number(values.seconds), Number(values.strangers)];
  if (!Number.isInteger(seconds) || seconds < 1 || seconds > 60) throw new Error('--seconds takes a whole number from 1 to 60');
  if (!Number.isInteger(strangers) || strangers < 1 || strangers > 200) throw new Error('--strangers takes a whole number from 1 to 200');
  if (values.help) process.stdout.write(USAGE);
  else await onStage((stage) => run(stage, { seconds, strangers, server: values.server }));
}

main().catch((error) => {
  process.stderr.write(`bench: ${error.message}\n`);
  process.exitCode = 1;
});
