import type { BuildDescription, BuildEvent, BuildResult } from '#builder';
import type { ErrorKind } from '#errors';

/** Why a build ended without an image. */
export interface BuildFault {
  readonly kind: ErrorKind;
  readonly code: string;
  readonly message: string;
  readonly hint?: string | undefined;
  readonly details?: Readonly<Record<string, unknown>> | undefined;
}

/** One line of POST /lade/v1/build; the last one is a result or an error. */
export type BuildLine =
  | { readonly kind: 'event'; readonly event: BuildEvent }
  /** A piece of the output with this number in the order, base64: of those whose destination was `-`. */
  | { readonly kind: 'output'; readonly index: number; readonly data: string }
  | { readonly kind: 'result'; readonly result: BuildResult }
  /** The answer to an order with `call`. */
  | { readonly kind: 'description'; readonly description: BuildDescription }
  | { readonly kind: 'error'; readonly error: BuildFault };

/** As JSON on one line; output of steps is base64. */
export const encodeBuildLine = (line: BuildLine): string => {
  if (line.kind !== 'event' || line.event.kind !== 'step-log') return JSON.stringify(line);
  const data = Buffer.from(line.event.data).toString('base64');
  return JSON.stringify({ kind: 'event', event: { ...line.event, data } });
};

/** The reverse of `encodeBuildLine`. */
export const decodeBuildLine = (json: string): BuildLine => {
  const line = JSON.parse(json) as BuildLine;
  if (line.kind !== 'event' || line.event.kind !== 'step-log') return line;
  const data = Buffer.from(line.event.data as unknown as string, 'base64');
  return { kind: 'event', event: { ...line.event, data } };
};
