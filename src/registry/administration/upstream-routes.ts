import type { Context } from 'hono';
import { isAllowance } from '#http';
import { requireName, requireTag } from '#metadata';
import {
  backUp,
  importFolder,
  mirror,
  upstreamErrors,
  type BackupEvent,
  type TransferEvent,
} from '#upstreams';
import * as z from 'zod';
import { administrationErrors } from './errors.ts';
import { answerLines, type TellingWork } from './lines.ts';
import { bodyOf, requireAdministrator } from './request.ts';
import type { AdminEnv, AdminRoutes } from './types.ts';

const PROGRESS_MS = 200;

const name = z.string().transform(requireName);
const refreshBody = z.strictObject({ repository: name, tag: z.string().transform(requireTag).optional() });
const mirrorBody = z.strictObject({
  source: z.string().min(1),
  to: name.optional(),
  repositories: z.array(z.string()).optional(),
  tags: z.array(z.string()).optional(),
  referrers: z.boolean().optional(),
  remove: z.boolean().optional(),
  username: z.string().optional(),
  password: z.string().optional(),
  insecure: z.boolean().optional(),
  allow: z.array(z.string().refine(isAllowance, 'write HOST, HOST:PORT, an address or a range')).optional(),
});
const importBody = z.strictObject({
  path: z.string(),
  to: name.optional(),
  overwrite: z.boolean().optional(),
  link: z.boolean().optional(),
});
const backupBody = z.strictObject({
  path: z.string(),
  listOnly: z.boolean().optional(),
  holdMs: z.int().positive().optional(),
});

/** Paths and inner addresses of the registry's machine are its local administrator's alone. */
const requireLocal = (c: Context<AdminEnv>, what: string): void => {
  requireAdministrator(c);
  if (c.get('caller').kind !== 'local') throw administrationErrors.localOnly({ what });
};

type Tell = Parameters<TellingWork>[0];

/** Runs `work` at most so often. */
const seldom = (work: () => void): (() => void) => {
  let last = 0;
  return () => {
    if (Date.now() - last < PROGRESS_MS) return;
    last = Date.now();
    work();
  };
};

/** Tells what is remarkable at once, and how much was brought now and then. */
const transferTeller = (tell: Tell): ((event: TransferEvent) => void) => {
  const progress = { blobs: 0, bytes: 0 };
  const tellProgress = seldom(() => void tell({ progress }));
  return (event) => {
    if (event.kind !== 'blob') return void tell(event);
    progress.blobs += 1;
    progress.bytes += event.bytes;
    return tellProgress();
  };
};

const backupTeller = (tell: Tell): ((event: BackupEvent) => void) => {
  let progress: Readonly<Record<string, number>> = {};
  const tellProgress = seldom(() => void tell({ progress }));
  return (event) => {
    if (event.kind !== 'progress') return void tell(event);
    const { blobs, bytes, present } = event;
    progress = { blobs, bytes, present };
    return tellProgress();
  };
};

/**
 * `GET /upstreams`: what is cached, hits, misses, bytes. `POST /upstreams/refresh`, `/upstreams/trim`, `/mirrors`,
 * `/imports`, `/backups`: one JSON object a line. `GET /backups/holds`, `DELETE /backups/holds/ID`.
 */
export const upstreamRoutes: AdminRoutes = (app, { storage, upstreams }) => {
  app.get('/upstreams', (c) => {
    requireAdministrator(c);
    return c.json({ upstreams: upstreams?.status() ?? [] });
  });
  app.post('/upstreams/refresh', async (c) => {
    requireAdministrator(c);
    const { repository, tag } = await bodyOf(c, refreshBody);
    if (upstreams === undefined) throw upstreamErrors.upstreamUnknown({ prefix: repository });
    const cause = c.get('cause');
    return answerLines(c, async (tell, signal) => {
      for await (const refreshed of upstreams.refresh(repository, { tag, cause, signal }))
        await tell(refreshed);
    });
  });
  app.post('/upstreams/trim', async (c) => {
    requireAdministrator(c);
    return c.json({ manifests: (await upstreams?.trim()) ?? 0 });
  });
  app.post('/mirrors', async (c) => {
    requireAdministrator(c);
    const request = await bodyOf(c, mirrorBody);
    if (request.allow !== undefined) requireLocal(c, 'mirroring from addresses that are not public');
    const cause = c.get('cause');
    return answerLines(c, async (tell, signal) => {
      await mirror(storage, request, { cause, emit: transferTeller(tell), signal });
    });
  });
  app.post('/imports', async (c) => {
    requireLocal(c, 'importing from a folder');
    const request = await bodyOf(c, importBody);
    const cause = c.get('cause');
    return answerLines(c, async (tell, signal) => {
      await importFolder(storage, request, { cause, emit: transferTeller(tell), signal });
    });
  });
  app.post('/backups', async (c) => {
    requireLocal(c, 'backing up into a folder');
    const { path, ...options } = await bodyOf(c, backupBody);
    return answerLines(c, async (tell, signal) => {
      await backUp(storage, path, { ...options, emit: backupTeller(tell), signal });
    });
  });
  app.get('/backups/holds', (c) => {
    requireAdministrator(c);
    return c.json({ holds: storage.metadata.backups.holds() });
  });
  app.delete('/backups/holds/:id', async (c) => {
    requireAdministrator(c);
    return c.json({ released: await storage.metadata.backups.release(c.req.param('id')) });
  });
};
