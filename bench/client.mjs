// Signed requests of the AWS Query protocol, as bytes and as calls.
import { hash } from 'node:crypto';

import { formatAmzDate, sign } from '../dist/src/domain/sigv4.js';

const VERSIONS = { sts: '2011-06-15', iam: '2010-05-08' };
const TYPE = 'application/x-www-form-urlencoded; charset=utf-8';

/** The body of a call. */
export function formOf(service, parameters) {
  const { Action, ...rest } = parameters;
  return new URLSearchParams({ Action, Version: VERSIONS[service], ...rest }).toString();
}

function signedHeaders({ url, keys, service, form, method = 'POST', path = '/', type = TYPE }) {
  const amzDate = formatAmzDate(Date.now());
  const headers = [
    ['Host', new URL(url).host],
    ['Content-Type', type],
    ['X-Amz-Date', amzDate],
  ];
  const request = { method, path, query: '', headers, bodySha256: hash('sha256', form, 'hex') };
  const { accessKeyId, secret, sessionToken: securityToken } = keys;
  const token = securityToken === undefined ? [] : [['X-Amz-Security-Token', securityToken]];
  const authorization = sign(request, { accessKeyId, secret, ...(securityToken !== undefined && { securityToken }), region: 'us-east-1', service, amzDate });
  return [...headers, ...token, ['Authorization', authorization]];
}

/** A call as the bytes that travel. Keys with a `sessionToken` are those of a session. */
export function rawRequest(call) {
  const headers = [...signedHeaders(call), ['User-Agent', 'stint-bench'], ['Content-Length', Buffer.byteLength(call.form)]];
  return Buffer.from(`POST / HTTP/1.1\r\n${headers.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n${call.form}`);
}

/** A call that is signed and can be sent once; sending it answers XML, and throws for anything but success. */
export function prepared(call) {
  const headers = signedHeaders(call).filter(([name]) => name !== 'Host');
  return async () => {
    const answer = await fetch(call.url, { method: 'POST', headers, body: call.form });
    const xml = await answer.text();
    if (!answer.ok) throw new Error(`${call.form.slice(0, 40)}: ${xml}`);
    return xml;
  };
}

/** Makes a call and answers the texts of its answer's elements by name; throws for anything but success. */
export async function query(call) {
  const xml = await prepared(call)();
  return Object.fromEntries([...xml.matchAll(/<(\w+)>([^<]*)<\/\1>/g)].map(([, name, text]) => [name, text]));
}

/** Makes a call of the REST face and answers its JSON; throws for anything but success. */
export async function rest({ url, keys, route, body }) {
  const [method, path] = route.split(' ');
  const form = JSON.stringify(body);
  const headers = signedHeaders({ url, keys, service: 'stint', form, method, path, type: 'application/json' }).filter(([name]) => name !== 'Host');
  const answer = await fetch(new URL(path, url), { method, headers, body: form });
  if (!answer.ok) throw new Error(`${route}: ${await answer.text()}`);
  return answer.json();
}
