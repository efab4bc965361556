import type { PolicyDocument } from './document.js';

/**
 * What stands in for a stored document that cannot be read any more, edited by hand in the database perhaps: one Deny
 * that takes in everything, because nothing in it can be decided. It never allows and never fails a request.
 */
export const UNREADABLE: PolicyDocument = {
  version: '2012-10-17',
  statements: [{ sid: 'UnreadableDocument', effect: 'Deny', conditions: [] }],
};
