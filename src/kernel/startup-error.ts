/**
 * A reason not to start that the operator can act on. The message is one line: what is wrong, what was
 * expected, what to do. The launcher prints it without a stack trace.
 */
export class StartupError extends Error {
  override readonly name = 'StartupError';

  constructor(message: string, options?: ErrorOptions) {
    super(message.replace(/\s*[\r\n]+\s*/g, ' ').trim(), options);
  }
}
