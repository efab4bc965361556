import { isUtf8 } from 'node:buffer';

import { ApiError } from '../domain/errors.js';

/** How many parameters one request may have. */
const PARAMETERS_MAX = 2_000;

const invalid = (message: string): ApiError => new ApiError('ValidationError', message);

/**
 * Parses `application/x-www-form-urlencoded` text. Throws a ValidationError for repeated names, escapes that
 * are not UTF-8, and too many parameters; the order of arrival is kept.
 */
export function parseForm(source: Buffer | string): Map<string, string> {
  const form = new Map<string, string>();
  if (typeof source !== 'string' && !isUtf8(source)) throw invalid('The request is not valid: it is not UTF-8.');
  const text = typeof source === 'string' ? source : source.toString('utf8');
  if (text === '') return form;
  for (const pair of text.split('&', PARAMETERS_MAX + 1)) {
    if (pair === '') continue;
    const equals = pair.indexOf('=');
    const name = decoded(equals < 0 ? pair : pair.slice(0, equals));
    if (form.has(name)) throw invalid(`The parameter ${shown(name)} is given more than once.`);
    if (form.size >= PARAMETERS_MAX) throw invalid(`A request may have at most ${String(PARAMETERS_MAX)} parameters.`);
    form.set(name, equals < 0 ? '' : decoded(pair.slice(equals + 1)));
  }
  return form;
}

function decoded(text: string): string {
  const spaced = text.includes('+') ? text.replaceAll('+', ' ') : text;
  if (!spaced.includes('%')) return spaced;
  try {
    return decodeURIComponent(spaced);
  } catch {
    throw invalid('The request is not valid: a percent-escape in it is not UTF-8.');
  }
}

/** A caller's name for something, bounded and printable, for a message or a header. */
export function shown(name: string): string {
  return name.replace(/[^\u0021-\u007E]/g, '?').slice(0, 128);
}
