import { z } from 'zod';

import { restOnly, sensitive } from './operation.js';
import { ArnText, pattern, PolicyText, sentence, Tags } from './shapes.js';

const NAME = /^[\w+=,.@-]*$/;
const NAME_SHOWN = '[\\w+=,.@-]*';
const SOURCE_IDENTITY_SENTENCE = 'The specified value for {member} is invalid. It must not begin with aws:.';

/** What is carried through every session of a chain once it was set: 2–64 characters (STS API: SourceIdentity). */
export const SourceIdentity = z
  .string()
  .min(2)
  .max(64)
  .regex(...pattern(NAME, NAME_SHOWN))
  .refine(...sentence((text) => !text.toLowerCase().startsWith('aws:'), SOURCE_IDENTITY_SENTENCE));
/** The name of a federated user: 2–32 characters. */
export const FederatedName = z.string().min(2).max(32).regex(...pattern(NAME, NAME_SHOWN));
/** The serial number or ARN of an MFA device: 9–256 characters. */
export const SerialNumber = z.string().min(9).max(256).regex(...pattern(/^[\w+=/:,.@-]*$/, '[\\w+=/:,.@-]*'));
/** The code an MFA device shows: 6 digits; never recorded or said again. */
export const TokenCode = sensitive(z.string().min(6).max(6).regex(...pattern(/^\d*$/, '[\\d]*')));

/** Managed policies that limit a session: at most 10. */
export const PolicyArns = z.array(z.object({ arn: ArnText })).max(10);
/** A session policy without a bound of its own; what it takes up when packed is bounded. */
export const SessionPolicy = PolicyText;
/** A session policy of 1–2048 characters. */
export const ShortSessionPolicy = z
  .string()
  .min(1)
  .max(2048)
  .regex(...pattern(/^[\u0009\u000A\u000D\u0020-\u00FF]*$/, '[\\u0009\\u000A\\u000D\\u0020-\\u00FF]+'));
/** Keys of tags that sessions obtained with this one inherit: at most 50. */
export const TransitiveTagKeys = z
  .array(z.string().min(1).max(128).regex(...pattern(/^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u, '[\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]+')))
  .max(50);
/** The length that a session token is padded to, in characters: at most 4096. */
export const MinimumSessionTokenSize = z.int().min(0).max(4096);

/** What operations that make sessions take beside what AWS defines. */
export const issuingIn = {
  MinimumSessionTokenSize: MinimumSessionTokenSize.optional(),
  MinRemaining: restOnly(z.int().min(1).max(129_600).describe('Refuse rather than grant a shorter session, in seconds.')).optional(),
};

/** What operations that make sessions answer beside what AWS defines. */
export const issuingOut = {
  SessionId: restOnly(z.string().describe('The session, for GetSession and RevokeSession.')),
  Duration: restOnly(
    z.object({ Requested: z.int().optional(), Granted: z.int(), LimitedBy: z.string() }).describe('What was asked for and granted, in seconds, and the rule that decided.'),
  ),
};

/** What newer models answer about a session token. */
export const tokenOut = { SessionTokenUtilization: z.int(), SessionTokenSize: z.int() };

/** How a device and its code are given. */
export const mfaIn = { SerialNumber: SerialNumber.optional(), TokenCode: TokenCode.optional() };

/** Tags of a session: at most 50. */
export const SessionTags = Tags;
