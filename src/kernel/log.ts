import { isNativeError } from 'node:util/types';

import type { LoggerService } from '@nestjs/common';
import pino, { type DestinationStream, type Logger } from 'pino';

import { ApiError } from '../domain/errors.js';

/** The structured log: one JSON object a line on standard output. */
export type Log = Logger;

/** Opens the log. Secrets print as `[secret]` because they are `Secret`s; headers and bodies are never logged. */
export function openLog(level: string, destination?: DestinationStream): Log {
  const options = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string): object => ({ level: label }) },
    serializers: { err: serializedError },
  };
  return destination === undefined ? pino(options) : pino(options, destination);
}

function serializedError(error: unknown): unknown {
  if (!isNativeError(error)) return error;
  const known = error instanceof ApiError ? { code: error.code, detail: error.detail } : {};
  return { type: error.name, message: error.message, stack: error.stack, ...known, ...(error.cause === undefined ? {} : { cause: serializedError(error.cause) }) };
}

/** Nest's own messages, in our log: its start-up chatter only when debugging. */
export class NestLog implements LoggerService {
  constructor(private readonly sink: Log) {}

  log(message: unknown): void {
    this.sink.debug({ nest: true }, String(message));
  }

  warn(message: unknown): void {
    this.sink.warn({ nest: true }, String(message));
  }

  error(message: unknown, ...rest: unknown[]): void {
    this.sink.error({ nest: true, rest: rest.map(String) }, String(message));
  }
}
