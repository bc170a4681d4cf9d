import { openDatabase } from '#database';
import { serveJobs } from '#work';
import type { RecountReport } from './accounting-types.ts';
import { recountUsage } from './recount.ts';

serveJobs<{ readonly path: string }, RecountReport>(async ({ path }) => {
  await using database = await openDatabase({ path, migrations: [], readOnly: true });
  return recountUsage(database);
});
