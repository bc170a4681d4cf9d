import { Hono, type Context } from 'hono';
import { apiErrors, parseWhole } from '#api';
import type { StopOptions, WaitCondition } from '#engine';
import { toLadeError } from '#errors';
import { answered, outgoing, requestSignal } from '#http';
import { daemonErrors } from '../errors.ts';
import { body, filtersOf, flag, param, textOf } from '../request.ts';
import type { DaemonParts } from '../types.ts';

const id = (c: Context): string => param(c, 'id');

const noContent = (c: Context): Response => c.body(null, 204);

const list = async (c: Context, { engine }: DaemonParts): Promise<Response> => {
  const limit = parseWhole('limit', c.req.query('limit'));
  const containers = await engine.containers.list({
    all: flag(c, 'all') || limit !== undefined,
    limit: limit !== undefined && limit > 0 ? limit : undefined,
    size: flag(c, 'size'),
    filters: filtersOf(c),
  });
  return c.json(containers);
};

const create = async (c: Context, { engine }: DaemonParts): Promise<Response> => {
  const { HostConfig, NetworkingConfig, ...config } = await body(c, 'containerCreate');
  const created = await engine.containers.create({
    name: textOf(c, 'name')?.replace(/^\//, ''),
    platform: textOf(c, 'platform'),
    config,
    hostConfig: HostConfig ?? undefined,
    networkingConfig: NetworkingConfig ?? undefined,
  });
  return c.json({ Id: created.id, Warnings: created.warnings }, 201);
};

const stopOptions = (c: Context): StopOptions => ({
  signal: textOf(c, 'signal'),
  timeoutSeconds: parseWhole('t', c.req.query('t')),
});

/** `h` and `w` as resize calls have them. */
export const sizeOf = (c: Context): { rows: number; cols: number } => ({
  rows: parseWhole('h', c.req.query('h')) ?? 0,
  cols: parseWhole('w', c.req.query('w')) ?? 0,
});

const CONDITIONS: readonly WaitCondition[] = ['not-running', 'next-exit', 'removed'];

const conditionOf = (c: Context): WaitCondition => {
  const value = textOf(c, 'condition') ?? 'not-running';
  const condition = CONDITIONS.find((known) => known === value);
  if (condition === undefined)
    throw apiErrors.parameterInvalid({ name: 'condition', value, expected: CONDITIONS.join(', ') });
  return condition;
};

/** The head goes out when the wait is registered: `docker run` starts the container only then. */
const wait = async (c: Context, { engine }: DaemonParts): Promise<Response> => {
  const signal = requestSignal(c);
  const { ready, result } = engine.containers.wait(id(c), { condition: conditionOf(c), signal });
  result.catch(() => undefined);
  await ready;
  const response = outgoing(c);
  response.writeHead(200, { 'Content-Type': 'application/json' });
  response.flushHeaders();
  try {
    response.end(JSON.stringify({ StatusCode: (await result).exitCode }));
  } catch (error) {
    response.end(JSON.stringify({ StatusCode: -1, Error: { Message: toLadeError(error).message } }));
  }
  return answered();
};

const remove = async (c: Context, { engine }: DaemonParts): Promise<Response> => {
  if (flag(c, 'link'))
    throw daemonErrors.optionUnsupported({
      option: 'link',
      reason: 'links between containers are deprecated',
    });
  await engine.containers.remove(id(c), { force: flag(c, 'force'), volumes: flag(c, 'v') });
  return noContent(c);
};

const commit = async (c: Context, { engine }: DaemonParts): Promise<Response> => {
  const repository = textOf(c, 'repo');
  const tag = textOf(c, 'tag');
  const config = await body(c, 'containerConfig');
  const changes = c.req.queries('changes') ?? [];
  const { imageId } = await engine.containers.commit(textOf(c, 'container') ?? '', {
    reference: repository === undefined || tag === undefined ? repository : `${repository}:${tag}`,
    author: textOf(c, 'author'),
    message: textOf(c, 'comment'),
    pause: flag(c, 'pause', true),
    changes: changes.flatMap((text) => text.split('\n')).filter((line) => line.trim() !== ''),
    config: Object.keys(config).length === 0 ? undefined : config,
  });
  return c.json({ Id: imageId }, 201);
};

const prune = async (c: Context, { engine }: DaemonParts): Promise<Response> => {
  const { deleted, spaceReclaimed } = await engine.containers.prune(filtersOf(c));
  return c.json({ ContainersDeleted: deleted.length === 0 ? null : deleted, SpaceReclaimed: spaceReclaimed });
};

const top = async (c: Context, { engine }: DaemonParts): Promise<Response> => {
  const { titles, processes } = await engine.containers.top(id(c), textOf(c, 'ps_args'));
  return c.json({ Titles: titles, Processes: processes });
};

const changes = async (c: Context, { engine }: DaemonParts): Promise<Response> => {
  const found = await engine.containers.changes(id(c));
  return c.json(found.map(({ path, kind }) => ({ Path: path, Kind: kind })));
};

const update = async (c: Context, { engine }: DaemonParts): Promise<Response> => {
  const warnings = await engine.containers.update(id(c), await body(c, 'containerUpdate'));
  return c.json({ Warnings: warnings });
};

/** Calls on containers that answer with one value. */
export const containerRoutes = (parts: DaemonParts): Hono => {
  const { containers } = parts.engine;
  const app = new Hono();
  app.get('/containers/json', (c) => list(c, parts));
  app.post('/containers/create', (c) => create(c, parts));
  app.post('/containers/prune', (c) => prune(c, parts));
  app.post('/commit', (c) => commit(c, parts));
  app.get('/containers/:id/json', async (c) =>
    c.json(await containers.inspect(id(c), { size: flag(c, 'size') })),
  );
  app.get('/containers/:id/top', (c) => top(c, parts));
  app.get('/containers/:id/changes', (c) => changes(c, parts));
  app.post('/containers/:id/start', async (c) => c.body(null, (await containers.start(id(c))) ? 204 : 304));
  app.post('/containers/:id/stop', async (c) =>
    c.body(null, (await containers.stop(id(c), stopOptions(c))) ? 204 : 304),
  );
  app.post('/containers/:id/restart', async (c) => {
    await containers.restart(id(c), stopOptions(c));
    return noContent(c);
  });
  app.post('/containers/:id/kill', async (c) => {
    await containers.kill(id(c), textOf(c, 'signal'));
    return noContent(c);
  });
  app.post('/containers/:id/pause', async (c) => {
    await containers.pause(id(c));
    return noContent(c);
  });
  app.post('/containers/:id/unpause', async (c) => {
    await containers.unpause(id(c));
    return noContent(c);
  });
  app.post('/containers/:id/rename', async (c) => {
    await containers.rename(id(c), textOf(c, 'name') ?? '');
    return noContent(c);
  });
  app.post('/containers/:id/resize', async (c) => {
    await containers.resize(id(c), sizeOf(c));
    return c.body(null, 200);
  });
  app.post('/containers/:id/update', (c) => update(c, parts));
  app.post('/containers/:id/wait', (c) => wait(c, parts));
  app.delete('/containers/:id', (c) => remove(c, parts));
  return app;
};
