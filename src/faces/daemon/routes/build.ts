import { Hono, type Context } from 'hono';
import { answered, requestSignal } from '#http';
import { createBuildAnswer } from '../build-answer.ts';
import { cachePruneOf } from '../cache-query.ts';
import { buildVersionOf, dockerContext, fromDockerQuery } from '../docker-build-request.ts';
import { daemonErrors } from '../errors.ts';
import { jsonLines } from '../json-lines.ts';
import { textOf } from '../request.ts';
import { withBody } from '../request-body.ts';
import { sparing } from '../slow-reader.ts';
import type { DaemonParts } from '../types.ts';

/** Builds that can be cancelled, by the `buildid` that their clients chose. */
type RunningBuilds = Map<string, AbortController>;

const runBuild = async (c: Context, parts: DaemonParts, signal: AbortSignal): Promise<void> => {
  const lines = jsonLines(c);
  await withBody(c, async (stream) => {
    const version = buildVersionOf(c);
    const context = dockerContext(c, { kind: 'tar', stream });
    const request = fromDockerQuery(c, context, parts.buildDefaults, signal);
    const builder = await parts.builder();
    const answer = createBuildAnswer(c, lines, version);
    try {
      const show = sparing(lines, (event) => answer.show(event));
      answer.finish(await builder.build(request, show));
    } catch (error) {
      answer.fail(error);
    }
  });
  lines.end();
};

/** POST /build: the context comes as an archive or is named, the answer is what Docker's builders print. */
const build = async (c: Context, parts: DaemonParts, running: RunningBuilds): Promise<Response> => {
  const id = textOf(c, 'buildid');
  const cancel = new AbortController();
  if (id !== undefined) running.set(id, cancel);
  try {
    await runBuild(c, parts, AbortSignal.any([requestSignal(c), cancel.signal]));
  } finally {
    if (id !== undefined && running.get(id) === cancel) running.delete(id);
  }
  return answered();
};

/** POST /build/cancel; a build that is not known is none that runs. */
const cancelBuild = (c: Context, running: RunningBuilds): Response => {
  const id = textOf(c, 'id');
  if (id === undefined) throw daemonErrors.buildIdMissing({});
  running.get(id)?.abort();
  return c.body(null, 200);
};

const prune = async (c: Context, parts: DaemonParts): Promise<Response> => {
  const { bytes, ids } = await (await parts.builder()).prune(cachePruneOf(c));
  return c.json({ CachesDeleted: ids, SpaceReclaimed: bytes });
};

export const buildRoutes = (parts: DaemonParts): Hono => {
  const app = new Hono();
  const running: RunningBuilds = new Map();
  app.post('/build', (c) => build(c, parts, running));
  app.post('/build/cancel', (c) => cancelBuild(c, running));
  app.post('/build/prune', (c) => prune(c, parts));
  return app;
};
