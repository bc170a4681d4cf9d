import { Hono, type Context } from 'hono';
import type { ImagePruneAnswer } from '#api';
import { body, flag, param, textOf } from '../request.ts';
import type { DaemonParts } from '../types.ts';

/** GET /lade/v1/system/df: sums; with `verbose`, what each byte is held by. */
const diskUsage = async (c: Context, { system }: DaemonParts): Promise<Response> => {
  const usage = await system.diskUsage();
  return c.json(flag(c, 'verbose') ? { ...usage, account: await system.account() } : usage);
};

const pruneSystem = async (c: Context, { system }: DaemonParts): Promise<Response> => {
  const { dryRun = false, ...request } = await body(c, 'ladePrune');
  return c.json(dryRun ? await system.estimatePrune(request) : await system.prune(request));
};

const pruneImages = async (c: Context, { library }: DaemonParts): Promise<Response> => {
  const { dryRun = false, ...request } = await body(c, 'ladeImagePrune');
  if (dryRun) {
    const { names, reclaimed, held } = await library.pruneOutlook(request);
    return c.json({ names, removals: [], reclaimed, held } satisfies ImagePruneAnswer);
  }
  const { removed, reclaimed, held } = await library.prune(request);
  return c.json({ names: [], removals: removed, reclaimed, held } satisfies ImagePruneAnswer);
};

/** Settings, undo, and where the space goes. */
export const spaceRoutes = (parts: DaemonParts): Hono => {
  const { library, settings } = parts;
  const app = new Hono();
  app.get('/lade/v1/config', (c) => c.json(settings.list()));
  app.get('/lade/v1/config/:key', (c) => c.json(settings.get(param(c, 'key'))));
  app.put('/lade/v1/config/:key', async (c) => {
    const { value } = await body(c, 'ladeSetting');
    return c.json(await settings.set(param(c, 'key'), value));
  });
  app.delete('/lade/v1/config/:key', async (c) => c.json(await settings.unset(param(c, 'key'))));
  app.get('/lade/v1/undo', async (c) => c.json(await library.deletions()));
  app.post('/lade/v1/undo', async (c) => c.json(await library.undo(textOf(c, 'what'))));
  app.get('/lade/v1/system/df', (c) => diskUsage(c, parts));
  app.post('/lade/v1/system/prune', (c) => pruneSystem(c, parts));
  app.post('/lade/v1/images/prune', (c) => pruneImages(c, parts));
  return app;
};
