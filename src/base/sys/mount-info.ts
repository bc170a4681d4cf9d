import { readFileSync } from 'node:fs';

/**
 * The mounts of this process's namespace, one a line (proc_pid_mountinfo(5)).
 *
 * Read as bytes: `readFileSync(path, 'utf8')` of Node 24.21 writes behind its buffer when a file of unknown size comes
 * in short pieces, and after 64 KiB of them in one of 8 KiB. Stacks of many layers make such a table.
 */
export const mountInfo = (): string => readFileSync('/proc/self/mountinfo').toString();
