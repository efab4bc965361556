import type { PolicyDocument, Statement } from './document.js';
import { operators } from './operators.js';
import { variablesOf } from './pattern.js';

/** The policy variables of a statement, where its elements may hold any (policy-language §6). */
function variablesIn({ resources = [], notResources = [], conditions }: Statement): readonly string[] {
  const values = conditions.flatMap(({ operator, values: wanted }) => (operators.get(operator)?.row.variables === true ? wanted : []));
  return [...resources, ...notResources, ...values].flatMap(variablesOf);
}

function keysOf({ version, statements }: PolicyDocument): readonly string[] {
  return statements.flatMap((statement) => [
    ...statement.conditions.map(({ key }) => key),
    ...(version === '2012-10-17' ? variablesIn(statement) : []),
  ]);
}

/**
 * Every condition key and policy variable that some documents use: as they are written first, each once without regard
 * to case, sorted by their lower case (IAM: GetContextKeysForCustomPolicy).
 */
export function contextKeys(...documents: readonly PolicyDocument[]): readonly string[] {
  const found = new Map<string, string>();
  for (const key of documents.flatMap(keysOf)) {
    if (!found.has(key.toLowerCase())) found.set(key.toLowerCase(), key);
  }
  return [...found].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, key]) => key);
}
