import { Hono } from 'hono';
import { API_VERSION, LADE_VERSION, checkApiVersion, compareApiVersions } from '#api';
import { span } from '#events';
import { incoming, outgoing } from '#http';
import { errorAnswer } from './answer-error.ts';
import { archiveRoutes } from './routes/archive.ts';
import { buildRoutes } from './routes/build.ts';
import { buildHistoryRoutes } from './routes/builds.ts';
import { containerRoutes } from './routes/containers.ts';
import { containerStreamRoutes } from './routes/container-streams.ts';
import { distributionRoutes } from './routes/distribution.ts';
import { eventRoutes } from './routes/events.ts';
import { execRoutes } from './routes/execs.ts';
import { imageCopyRoutes } from './routes/image-copy.ts';
import { imageDiffRoutes } from './routes/image-diff.ts';
import { imageRoutes } from './routes/images.ts';
import { imageTransferRoutes } from './routes/image-transfer.ts';
import { ladeRoutes } from './routes/lade.ts';
import { manifestRoutes } from './routes/manifests.ts';
import { networkRoutes } from './routes/networks.ts';
import { swarmRoutes } from './routes/swarm.ts';
import { systemRoutes } from './routes/system.ts';
import { volumeRoutes } from './routes/volumes.ts';
import { daemonErrors } from './errors.ts';
import { pathWithoutVersion, versionInPath } from './request.ts';
import type { DaemonParts } from './types.ts';

const checkVersion = (url: string): void => {
  const version = versionInPath(url);
  if (version !== undefined) checkApiVersion(version);
};

/** Headers that every answer carries; an answer that is streamed takes them too. */
const standardHeaders = (version: string | undefined): Readonly<Record<string, string>> => ({
  'Api-Version':
    version !== undefined && compareApiVersions(version, API_VERSION) < 0 ? version : API_VERSION,
  // Without it, docker's command line refuses `build --squash`; what else it then offers, checkpoints, is refused here.
  'Docker-Experimental': 'true',
  Ostype: 'linux',
  Server: `Lade/${LADE_VERSION} (linux)`,
});

/**
 * The HTTP application of the daemon: the Docker Engine API with and without a version in the path, and `/lade/v1`.
 *
 * Everything that a handler throws is answered as Docker's `{"message": …}` with the status of its kind.
 */
export const createDaemonApp = (parts: DaemonParts): Hono => {
  const app = new Hono({ getPath: (request) => pathWithoutVersion(new URL(request.url).pathname) });
  app.use(async (c, next) => {
    const url = incoming(c).url ?? '';
    const response = outgoing(c);
    for (const [name, value] of Object.entries(standardHeaders(undefined))) response.setHeader(name, value);
    checkVersion(url);
    parts.log.debug({ method: c.req.method, url }, 'request');
    await span(`${c.req.method} ${c.req.path}`, '', next);
  });
  for (const routes of [
    systemRoutes,
    containerRoutes,
    containerStreamRoutes,
    archiveRoutes,
    execRoutes,
    imageTransferRoutes,
    imageDiffRoutes,
    manifestRoutes,
    imageRoutes,
    imageCopyRoutes,
    distributionRoutes,
    volumeRoutes,
    networkRoutes,
    eventRoutes,
    buildRoutes,
    buildHistoryRoutes,
    ladeRoutes,
    swarmRoutes,
  ])
    app.route('/', routes(parts));
  app.notFound((c) => {
    throw daemonErrors.notServed({ method: c.req.method, path: c.req.path });
  });
  app.onError((error, c) => {
    const { status, body } = errorAnswer(error, c.req.header('user-agent'));
    if (status >= 500) parts.log.warn({ url: incoming(c).url, err: error }, 'request failed');
    return c.json(body, status as 500);
  });
  return app;
};
