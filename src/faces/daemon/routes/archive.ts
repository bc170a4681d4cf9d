import { Hono, type Context } from 'hono';
import { apiErrors } from '#api';
import type { PathStat } from '#engine';
import { sendStream } from '#http';
import { withBody } from '../request-body.ts';
import { flag, param, textOf } from '../request.ts';
import type { DaemonParts } from '../types.ts';

const STAT_HEADER = 'X-Docker-Container-Path-Stat';

const pathOf = (c: Context): string => {
  const path = textOf(c, 'path');
  if (path === undefined)
    throw apiErrors.parameterInvalid({ name: 'path', value: '', expected: 'a path inside the container' });
  return path;
};

const encodeStat = (stat: PathStat): string => Buffer.from(JSON.stringify(stat)).toString('base64');

const head = async (c: Context, { engine }: DaemonParts): Promise<Response> => {
  const stat = await engine.containers.statPath(param(c, 'id'), pathOf(c));
  return c.body(null, 200, { [STAT_HEADER]: encodeStat(stat) });
};

const get = async (c: Context, { engine }: DaemonParts): Promise<Response> => {
  const { stat, tar } = await engine.containers.getArchive(param(c, 'id'), pathOf(c));
  const headers = { 'Content-Type': 'application/x-tar', [STAT_HEADER]: encodeStat(stat) };
  return await sendStream(c, { status: 200, headers }, tar);
};

const put = async (c: Context, { engine }: DaemonParts): Promise<Response> => {
  await withBody(c, (tar) =>
    engine.containers.putArchive(param(c, 'id'), {
      path: pathOf(c),
      tar,
      noOverwriteDirNonDir: flag(c, 'noOverwriteDirNonDir'),
      copyUidGid: flag(c, 'copyUIDGID'),
    }),
  );
  return c.body(null, 200);
};

/** Files in and out of containers (`docker cp`). */
export const archiveRoutes = (parts: DaemonParts): Hono => {
  const app = new Hono();
  app.get('/containers/:id/archive', (c) => (c.req.method === 'HEAD' ? head(c, parts) : get(c, parts)));
  app.put('/containers/:id/archive', (c) => put(c, parts));
  return app;
};
