import { Hono, type Context } from 'hono';
import type { DiffLine, DiffTotals } from '#api';
import { drained, outgoing, requestSignal } from '#http';
import type { StackDifference } from '#layers';
import { streamProgress, type JsonLines } from '../json-lines.ts';
import { platformsOf } from '../platform-query.ts';
import { flag, textOf } from '../request.ts';
import { daemonErrors } from '../errors.ts';
import type { DaemonParts } from '../types.ts';

const required = (c: Context, name: string): string => {
  const value = textOf(c, name);
  if (value === undefined) throw daemonErrors.parameterMissing({ name });
  return value;
};

type Mutable<T> = { -readonly [K in keyof T]: Mutable<T[K]> };

const count = (totals: Mutable<DiffTotals>, { before, after }: StackDifference): void => {
  if (before === undefined) {
    totals.added.count += 1;
    totals.added.bytes += after?.size ?? 0;
  } else if (after === undefined) {
    totals.removed.count += 1;
    totals.removed.bytes += before.size;
  } else {
    totals.changed.count += 1;
    totals.changed.bytesBefore += before.size;
    totals.changed.bytesAfter += after.size;
  }
};

/** GET /lade/v1/images/diff: what differs, a JSON value a line, the totals last. */
const diff = (c: Context, { library }: DaemonParts): Promise<Response> =>
  streamProgress(c, async (lines: JsonLines) => {
    const signal = requestSignal(c);
    const write = (line: DiffLine): void => lines.write(line);
    const found = await library.diff({
      before: required(c, 'before'),
      after: required(c, 'after'),
      platform: platformsOf(c)?.[0],
      paths: (c.req.queries('path') ?? []).filter((path) => path !== ''),
      times: flag(c, 'times'),
      signal,
    });
    const { before, after, config, layers, files } = found;
    write({ kind: 'images', before, after, config, layers });
    const totals: Mutable<DiffTotals> = {
      added: { count: 0, bytes: 0 },
      removed: { count: 0, bytes: 0 },
      changed: { count: 0, bytesBefore: 0, bytesAfter: 0 },
    };
    for await (const batch of files) {
      for (const file of batch) count(totals, file);
      write({ kind: 'files', files: batch });
      await drained(outgoing(c));
      signal.throwIfAborted();
    }
    write({ kind: 'totals', totals });
  });

export const imageDiffRoutes = (parts: DaemonParts): Hono => {
  const app = new Hono();
  app.get('/lade/v1/images/diff', (c) => diff(c, parts));
  return app;
};
