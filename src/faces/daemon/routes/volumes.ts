import { Hono, type Context } from 'hono';
import { checkFilters } from '#api';
import { body, filtersOf, flag, param } from '../request.ts';
import type { DaemonParts } from '../types.ts';

const list = async (c: Context, { engine }: DaemonParts): Promise<Response> => {
  const filters = checkFilters(filtersOf(c), ['dangling', 'driver', 'label', 'name']);
  return c.json({ Volumes: await engine.volumes.list(filters), Warnings: null });
};

const prune = async (c: Context, { engine }: DaemonParts): Promise<Response> => {
  const { deleted, spaceReclaimed } = await engine.volumes.prune(filtersOf(c));
  return c.json({ VolumesDeleted: deleted, SpaceReclaimed: spaceReclaimed });
};

/** Named volumes. */
export const volumeRoutes = (parts: DaemonParts): Hono => {
  const app = new Hono();
  app.get('/volumes', (c) => list(c, parts));
  app.post('/volumes/create', async (c) =>
    c.json(await parts.engine.volumes.create(await body(c, 'volumeCreate')), 201),
  );
  app.post('/volumes/prune', (c) => prune(c, parts));
  app.get('/volumes/:name', async (c) => c.json(await parts.engine.volumes.inspect(param(c, 'name'))));
  app.delete('/volumes/:name', async (c) => {
    await parts.engine.volumes.remove(param(c, 'name'), { force: flag(c, 'force') });
    return c.body(null, 204);
  });
  return app;
};
