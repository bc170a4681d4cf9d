import { Hono, type Context } from 'hono';
import { LADE_VERSION, type CheckLine, type LadeInfoAnswer } from '#api';
import { requestSignal } from '#http';
import { progressLine } from '../image-progress.ts';
import { streamProgress } from '../json-lines.ts';
import { machineId } from '../machine-id.ts';
import { body, flag } from '../request.ts';
import type { DaemonParts } from '../types.ts';
import { ladeBuildRoutes } from './lade-build.ts';
import { ladeCacheRoutes } from './lade-caches.ts';
import { ladeShellRoutes } from './lade-shells.ts';
import { spaceRoutes } from './space.ts';

const info = (parts: DaemonParts): LadeInfoAnswer => ({
  version: LADE_VERSION,
  root: parts.rootPath,
  pid: process.pid,
  startedAt: parts.startedAt.toISOString(),
  layerBackend: parts.layers.backend,
  addresses: parts.addresses(),
  machineId: machineId(),
});

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
  app.route('/', ladeBuildRoutes(parts));
  app.route('/', ladeCacheRoutes(parts));
  app.route('/', ladeShellRoutes(parts));
  app.route('/', spaceRoutes(parts));
  app.post('/lade/v1/system/adopt', (c) => adopt(c, parts));
  app.post('/lade/v1/system/check', (c) => check(c, parts));
  return app;
};
