import type { MessagePort } from 'node:worker_threads';
import type { SourceLimits } from './remote-limits.ts';

/** What the thread is asked that writes a context. */
export interface SpoolJob {
  readonly port: MessagePort;
  readonly root: string;
  readonly limits: SourceLimits;
}
