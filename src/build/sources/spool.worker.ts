import { Readable } from 'node:stream';
import { serveJobs } from '#work';
import { createTurns } from './file-tree.ts';
import type { InodeDigests } from './inode-digests.ts';
import { createSpooler } from './spool-job.ts';
import { takeStream } from './spool-port.ts';
import type { SpoolJob } from './spool-request.ts';
import { unpackAny } from './unpack-stream.ts';

serveJobs<SpoolJob, InodeDigests>(async ({ port, root, limits }) => {
  using spooler = createSpooler(root, limits);
  const stream = Readable.from(takeStream(port), { objectMode: false });
  const turn = createTurns();
  try {
    for await (const chunk of await unpackAny(stream)) {
      spooler.feed(chunk);
      // Other jobs of this thread, and news of its end.
      await turn();
    }
  } finally {
    stream.destroy();
  }
  return spooler.end();
});
