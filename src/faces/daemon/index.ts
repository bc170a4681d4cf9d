export { createDaemonApp } from './app.ts';
export { composeDaemon, type ComposeOptions } from './compose.ts';
export { serveDaemon } from './serve.ts';
export { parseCommandLine, type DaemonOptions } from './command-line.ts';
export { daemonErrors } from './errors.ts';
export type { DaemonParts } from './types.ts';
