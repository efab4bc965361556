import { isFixed } from './match.js';
import { isTemplate } from './pattern.js';

const iamPaths = [
  'user/',
  'federated-user/',
  'role/',
  'group/',
  'instance-profile/',
  'mfa/',
  'server-certificate/',
  'policy/',
  'sms-mfa/',
  'saml-provider/',
  'oidc-provider/',
  'report/',
  'access-report/',
] as const;

/** The message for a Resource that AWS names in its refusal (policy-language §2, rows 6 to 6e). */
export function resourceError(resource: string): string | undefined {
  if (resource === '*') return undefined;
  const [head, partition, ...rest] = resource.split(':');
  if (partition === undefined) return `Resource ${resource} must be in ARN format or "*".`;
  if (partition !== 'aws') {
    const shown = rest.length === 1 && rest[0] === '' ? [] : rest;
    const part = (index: number): string => shown[index] ?? '*';
    const last = shown.length > 3 ? shown.slice(3).join(':') : '*';
    const arn = `arn:${partition}:${part(0)}:${part(1)}:${part(2)}:${last}`;
    return `Partition "${partition}" is not valid for resource "${arn}".`;
  }
  if (head !== 'arn') return `Resource ${resource} must be in ARN format or "*".`;
  const [service, region = ''] = rest;
  if (service === undefined || /[*?]/.test(service)) {
    return 'Resource vendor must be fully qualified and cannot contain regexes.';
  }
  return regionError(resource, service, region) ?? iamPathError(service, rest.slice(3).join(':'));
}

function regionError(resource: string, service: string, region: string): string | undefined {
  if (region === '') return undefined;
  if (service === 'iam') return `IAM resource ${resource} cannot contain region information.`;
  const accessPoint = resource.split(':').slice(5).join(':').startsWith('accesspoint/');
  return service === 's3' && !accessPoint ? `Resource ${resource} can not contain region information.` : undefined;
}

function iamPathError(service: string, path: string): string | undefined {
  if (service !== 'iam' || path === '*' || path === 'root') return undefined;
  if (iamPaths.some((start) => path.startsWith(start))) return undefined;
  return `IAM resource path must either be "*", root, or start with ${iamPaths.join(', ')}.`;
}

/**
 * Whether AWS reports a Resource as `The policy failed legacy parsing` (policy-language §2, row 3). Only where `${…}`
 * is a variable must it be one that can be read.
 */
export function failsLegacyParsing(resource: string, variables: boolean): boolean {
  if (resource === '*') return false;
  const fields = resource.split(':');
  if (fields[2] === '' || (fields.length < 6 && resource.includes('::'))) return true;
  return !isFixed(fields) || (variables && !isTemplate(fields.slice(5).join(':')));
}
