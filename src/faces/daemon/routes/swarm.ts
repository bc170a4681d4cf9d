import { Hono } from 'hono';
import { daemonErrors } from '../errors.ts';
import { param } from '../request.ts';
import type { DaemonParts } from '../types.ts';

const SWARM = ['swarm', 'nodes', 'services', 'tasks', 'secrets', 'configs'];

/** What an engine outside a swarm and without plugins answers. */
export const swarmRoutes = (_parts: DaemonParts): Hono => {
  const app = new Hono();
  app.get('/plugins', (c) => c.json([]));
  app.get('/plugins/:name/json', (c) => {
    throw daemonErrors.pluginNotFound({ name: param(c, 'name') });
  });
  for (const area of SWARM) {
    app.all(`/${area}`, () => {
      throw daemonErrors.notInSwarm({});
    });
    app.all(`/${area}/*`, () => {
      throw daemonErrors.notInSwarm({});
    });
  }
  return app;
};
