import type { Keeping, KeptItem, PlannedItem, RunProgress } from '#keeping';
import { requireName } from '#metadata';
import * as z from 'zod';
import { answerLines } from './lines.ts';
import { bodyOf, numberOf, requireAdministrator } from './request.ts';
import type { AdminRoutes } from './types.ts';

const PAGE = 1000;
const PROGRESS_MS = 200;
/** Items that are told at once before the client is waited for. */
const BATCH = 200;

const repository = z.string().transform(requireName).optional();
const runBody = z.strictObject({ plan: z.string().optional(), repository });
const purgeBody = z.strictObject({ all: z.boolean().default(false) });

const checkBody = z.strictObject({
  repair: z.boolean().default(false),
  restart: z.boolean().default(false),
  bytesPerSecond: z.int().positive().optional(),
});

type Tell = (value: unknown) => Promise<void> | void;

/** Tells at most so often. */
const seldom = (tell: Tell): ((progress: unknown) => void) => {
  let last = 0;
  return (progress) => {
    if (Date.now() - last < PROGRESS_MS) return;
    last = Date.now();
    void tell({ progress });
  };
};

interface Planning {
  readonly scope: 'gc' | 'retention';
  readonly repository: string | undefined;
  readonly withKept: boolean;
}

const tellPlan = async (
  keeping: Keeping,
  { scope, repository: only, withKept }: Planning,
  { tell, signal }: { readonly tell: Tell; readonly signal: AbortSignal },
): Promise<void> => {
  const waiting: unknown[] = [];
  const onItem = (item: PlannedItem): void => void waiting.push({ goes: item });
  const onKept = (item: KeptItem): void => void waiting.push({ stays: item });
  const options = withKept ? { onItem, onKept } : { onItem };
  const onPart = async (): Promise<void> => {
    for (const [index, line] of waiting.splice(0).entries()) {
      const full = tell(line);
      if (index % BATCH === 0) await full;
    }
  };
  const plan = await keeping.plan({ scope, repository: only, signal, ...options, onPart });
  await onPart();
  await tell({ plan });
};

const RUN_ROUTES = [
  ['/gc/runs', 'gc'],
  ['/retention/runs', 'retention'],
] as const;

/**
 * `GET /gc/plan`, `POST /gc/runs`, `GET /gc/removals` (`deletes=1` with those of clients), `GET
 * /gc/removals/ID/items`, `POST /gc/removals/ID/undo`, `POST /gc/purge`; `GET /retention` (rules), `GET
 * /retention/plan` (what goes and what stays, and why), `POST /retention/runs`; `GET /check` (the last report), `POST
 * /check`. Plans, runs and purges answer one JSON
 * object a line.
 */
export const keepingRoutes: AdminRoutes = (app, { keeping }) => {
  app.get('/gc/plan', (c) => {
    requireAdministrator(c);
    const only = c.req.query('repository');
    const planning = { scope: 'gc', repository: only, withKept: false } as const;
    return answerLines(c, (tell, signal) => tellPlan(keeping, planning, { tell, signal }));
  });

  app.get('/retention', (c) => {
    requireAdministrator(c);
    return c.json({ rules: keeping.rules() });
  });

  app.get('/retention/plan', (c) => {
    requireAdministrator(c);
    const only = c.req.query('repository');
    const planning = { scope: 'retention', repository: only, withKept: true } as const;
    return answerLines(c, (tell, signal) => tellPlan(keeping, planning, { tell, signal }));
  });

  for (const [path, scope] of RUN_ROUTES) {
    app.post(path, async (c) => {
      requireAdministrator(c);
      const body = await bodyOf(c, runBody);
      return answerLines(c, async (tell, signal) => {
        const onProgress: (progress: RunProgress) => void = seldom(tell);
        await tell({
          result: await keeping.run({ ...body, scope, cause: c.get('cause'), signal, onProgress }),
        });
      });
    });
  }

  app.get('/gc/removals', async (c) => {
    requireAdministrator(c);
    const filter = {
      limit: Math.min(numberOf(c, 'limit', 100), PAGE),
      clientDeletes: c.req.query('deletes') === '1',
    };
    return c.json({ removals: keeping.removals(filter), held: await keeping.held() });
  });

  app.get('/gc/removals/:id/items', (c) => {
    requireAdministrator(c);
    const page = { limit: Math.min(numberOf(c, 'limit', PAGE), PAGE), offset: numberOf(c, 'offset', 0) };
    return c.json({ items: keeping.removedItems(c.req.param('id'), page) });
  });

  app.post('/gc/removals/:id/undo', async (c) => {
    requireAdministrator(c);
    return c.json(await keeping.undo(c.req.param('id'), c.get('cause')));
  });

  app.post('/gc/purge', async (c) => {
    requireAdministrator(c);
    const { all } = await bodyOf(c, purgeBody);
    return answerLines(c, async (tell, signal) => {
      const onProgress = seldom(tell);
      const undo = all ? { undoForMs: 0 } : {};
      const { removals, ...purged } = await keeping.purge({ signal, onProgress, ...undo });
      const swept = await keeping.sweep({ signal });
      const [blobs, bytes] = [purged.blobs + swept.blobs, purged.bytes + swept.bytes];
      await tell({ result: { removals, blobs, bytes, uploads: swept.uploads } });
    });
  });

  app.get('/check', (c) => {
    requireAdministrator(c);
    return c.json({ report: keeping.report() });
  });

  app.post('/check', async (c) => {
    requireAdministrator(c);
    const body = await bodyOf(c, checkBody);
    return answerLines(c, async (tell, signal) => {
      const onFinding = (finding: unknown): void => void tell({ finding });
      const options = { ...body, cause: c.get('cause'), signal, onFinding, onProgress: seldom(tell) };
      await tell({ report: await keeping.check(options) });
    });
  });
};
