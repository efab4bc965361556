import { Inject, Injectable } from '@nestjs/common';

import type { Verb } from '../contract/operation.js';
import { ApiError } from '../domain/errors.js';
import type { Implementation } from '../kernel/handler.js';
import { FEATURES, type Feature } from './features.js';

/** API versions of the AWS Query face, by service. */
export const VERSIONS = { sts: '2011-06-15', iam: '2010-05-08' } as const;

/** A REST route that fits a request. */
export interface Routed {
  readonly operation: Implementation;
  /** Values of the path's parameters, by member name. */
  readonly params: Readonly<Record<string, string>>;
}

interface Route {
  readonly verb: string;
  readonly segments: readonly string[];
  readonly operation: Implementation;
}

/** Every operation, found by AWS action or by REST route. */
@Injectable()
export class Operations {
  readonly all: readonly Implementation[];
  readonly #byName: ReadonlyMap<string, Implementation>;
  readonly #byAction: ReadonlyMap<string, Implementation>;
  readonly #routes: readonly Route[];

  constructor(@Inject(FEATURES) features: readonly Feature[]) {
    this.all = features.flatMap((feature) => feature.operations);
    this.#byName = new Map(this.all.map((operation) => [operation.name, operation]));
    this.#byAction = new Map(
      this.all.flatMap((operation) => {
        const { aws } = operation.contract;
        return aws === undefined ? [] : [[`${operation.name}/${VERSIONS[aws]}`, operation] as const];
      }),
    );
    this.#routes = this.all.map((operation) => {
      const [verb = '', path = ''] = operation.contract.rest.split(' ');
      return { verb, segments: path.slice(1).split('/'), operation };
    });
  }

  /** The operation of this name, which a face serves by itself. */
  byName(name: string): Implementation {
    const operation = this.#byName.get(name);
    if (operation === undefined) throw new Error(`there is no operation ${name}`);
    return operation;
  }

  /** The operation of an AWS action. Throws InvalidAction. */
  byAction(action: string, version: string | undefined): Implementation {
    const operation = this.#byAction.get(`${action}/${version ?? ''}`);
    if (operation !== undefined) return operation;
    throw new ApiError('InvalidAction', `Could not find operation ${shown(action)} for version ${shown(version ?? 'NO_VERSION_SPECIFIED')}`);
  }

  /** The operation of a REST route. `path` is raw, as in the request. Throws NotFound or MethodNotAllowed. */
  byRoute(method: string, path: string): Routed {
    const segments = path.slice(1).split('/');
    // A signature covers the path without dots and doubled slashes; routing by another reading of it would act elsewhere.
    if (segments.some((segment) => /^(?:\.|%2e){0,2}$/i.test(segment))) throw notFound();
    const fitting = this.#routes.filter((route) => fits(route.segments, segments));
    const route = fitting.find((candidate) => candidate.verb === method);
    if (route !== undefined) return { operation: route.operation, params: paramsOf(route.segments, segments) };
    if (fitting.length === 0) throw notFound();
    const verbs = fitting.map((candidate) => candidate.verb as Verb);
    throw new ApiError('MethodNotAllowed', `This route takes ${[...new Set(verbs)].sort().join(', ')}.`, { detail: { verbs } });
  }
}

function notFound(): ApiError {
  return new ApiError('NotFound', 'No such route; /v1/openapi.json lists them all.');
}

function shown(text: string): string {
  return text.length > 128 ? `${text.slice(0, 128)}…` : text;
}

function fits(pattern: readonly string[], segments: readonly string[]): boolean {
  return pattern.length === segments.length && pattern.every((part, index) => part.startsWith('{') || part === segments[index]);
}

function paramsOf(pattern: readonly string[], segments: readonly string[]): Record<string, string> {
  const params: Record<string, string> = {};
  for (const [index, part] of pattern.entries()) {
    if (part.startsWith('{')) params[part.slice(1, -1)] = decodedSegment(segments[index] ?? '');
  }
  return params;
}

function decodedSegment(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    throw new ApiError('ValidationError', 'The path is not valid: a percent-escape in it is not UTF-8.');
  }
}
