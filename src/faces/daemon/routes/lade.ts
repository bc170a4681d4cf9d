import { readFileSync, readlinkSync } from 'node:fs';
import { Hono, type Context } from 'hono';
import { LADE_VERSION, encodeBuildLine, type CheckLine, type LadeInfoAnswer } from '#api';
import { toLadeError } from '#errors';
import { answered, requestSignal } from '#http';
import { authLookup, fromLadeBody } from '../build-request.ts';
import { progressLine } from '../image-progress.ts';
import { jsonLines, streamProgress } from '../json-lines.ts';
import { body, flag } from '../request.ts';
import type { DaemonParts } from '../types.ts';
import { spaceRoutes } from './space.ts';

/** This boot and this view of the file system: a client with the same one sees the files that the daemon sees. */
const machineId = (): string =>
  `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()} ${readlinkSync('/proc/self/ns/mnt')}`;

const info = (parts: DaemonParts): LadeInfoAnswer => ({
  version: LADE_VERSION,
  root: parts.rootPath,
  pid: process.pid,
  startedAt: parts.startedAt.toISOString(),
  layerBackend: parts.layers.backend,
  addresses: parts.addresses(),
  machineId: machineId(),
});

/** POST /lade/v1/build: the context is read in place, the answer is the builder's own events. */
const build = async (c: Context, parts: DaemonParts): Promise<Response> => {
  const auth = authLookup(c.req.header('x-registry-config'));
  const request = fromLadeBody(await body(c, 'ladeBuild'), parts.buildDefaults, auth, requestSignal(c));
  const lines = jsonLines(c);
  try {
    const builder = await parts.builder();
    const result = await builder.build(request, (event) =>
      lines.writeText(encodeBuildLine({ kind: 'event', event })),
    );
    lines.writeText(encodeBuildLine({ kind: 'result', result }));
  } catch (thrown) {
    if (!lines.begun()) throw thrown;
    const { kind, code, message, hint, details } = toLadeError(thrown);
    lines.writeText(encodeBuildLine({ kind: 'error', error: { kind, code, message, hint, details } }));
  }
  lines.end();
  return answered();
};

/** POST /lade/v1/system/check: reads everything again; progress, then the report. */
const check = (c: Context, { system }: DaemonParts): Promise<Response> =>
  streamProgress(c, async (lines) => {
    const write = (line: CheckLine): void => lines.write(line);
    lines.begin();
    const report = await system.check({
      signal: requestSignal(c),
      repair: flag(c, 'repair'),
      onProgress: (done, total) => write({ kind: 'progress', done, total }),
    });
    write({ kind: 'report', report });
  });

/** POST /lade/v1/system/adopt: progress, then the report as `aux`. */
const adopt = (c: Context, { adoptDocker }: DaemonParts): Promise<Response> =>
  streamProgress(c, async (lines) => {
    const request = { ...(await body(c, 'ladeAdopt')), signal: requestSignal(c) };
    const report = await adoptDocker(request, (event) => lines.write(progressLine(event)));
    lines.write({ aux: report });
  });

/** Lade's own calls. */
export const ladeRoutes = (parts: DaemonParts): Hono => {
  const app = new Hono();
  app.get('/lade/v1/info', (c) => c.json(info(parts)));
  app.post('/lade/v1/build', (c) => build(c, parts));
  app.route('/', spaceRoutes(parts));
  app.post('/lade/v1/system/adopt', (c) => adopt(c, parts));
  app.post('/lade/v1/system/check', (c) => check(c, parts));
  return app;
};
