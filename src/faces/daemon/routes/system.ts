import { Hono, type Context } from 'hono';
import { API_VERSION, type AuthAnswer } from '#api';
import { diskUsage } from '../disk-usage.ts';
import { registryHost, toCredentials } from '../image-names.ts';
import { infoAnswer, versionAnswer } from '../machine-info.ts';
import { body } from '../request.ts';
import type { DaemonParts } from '../types.ts';

/** `Builder-Version: 1` sends builds of every client to POST /build until BuildKit's protocol is served. */
const PING_HEADERS = {
  'Api-Version': API_VERSION,
  'Builder-Version': '1',
  Swarm: 'inactive',
  'Cache-Control': 'no-cache, no-store, must-revalidate',
  Pragma: 'no-cache',
} as const;

const ping = (c: Context): Response => c.text(c.req.method === 'HEAD' ? '' : 'OK', 200, PING_HEADERS);

const login = async (c: Context, parts: DaemonParts): Promise<Response> => {
  const auth = await body(c, 'auth');
  const credentials = toCredentials(auth) ?? { kind: 'basic', username: '', password: '' };
  await using client = parts.registryClient();
  const host = registryHost(auth.serveraddress ?? '');
  const { identityToken } = await client.checkLogin(host, credentials);
  const answer: AuthAnswer = { Status: 'Login Succeeded', IdentityToken: identityToken ?? '' };
  return c.json(answer);
};

/** What concerns the daemon as a whole. */
export const systemRoutes = (parts: DaemonParts): Hono => {
  const app = new Hono();
  app.get('/_ping', (c) => ping(c));
  app.get('/version', async (c) => c.json(await versionAnswer(parts)));
  app.get('/info', (c) => c.json(infoAnswer(parts)));
  app.get('/system/df', async (c) => c.json(await diskUsage(parts, c.req.queries('type') ?? [])));
  app.post('/auth', (c) => login(c, parts));
  return app;
};
