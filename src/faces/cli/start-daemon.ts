import { mkdirSync, openSync, closeSync } from 'node:fs';
import { createConnection } from 'node:net';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { clientErrors } from '#client';
import { cliErrors } from './errors.ts';
import { programPath } from './programs.ts';

export const DAEMON_LOG = '/var/log/lade/daemon.log';
const READY_WITHIN_MS = 30_000;
const POLL_MS = 25;

type Probe = 'open' | 'closed' | 'forbidden';

const probe = (path: string): Promise<Probe> =>
  new Promise((resolve) => {
    const socket = createConnection({ path });
    const finish = (result: Probe): void => {
      socket.destroy();
      resolve(result);
    };
    socket.once('connect', () => finish('open'));
    socket.once('error', (error: NodeJS.ErrnoException) =>
      finish(error.code === 'EACCES' || error.code === 'EPERM' ? 'forbidden' : 'closed'),
    );
  });

const untilReady = async (path: string, ended: () => number | undefined): Promise<void> => {
  const deadline = performance.now() + READY_WITHIN_MS;
  while ((await probe(path)) !== 'open') {
    const code = ended();
    if (code !== undefined) throw cliErrors.daemonNotStarted({ problem: `it ended with exit code ${code}` });
    if (performance.now() > deadline)
      throw cliErrors.daemonNotStarted({ problem: 'it took longer than 30 s' });
    await sleep(POLL_MS);
  }
};

const startDetached = async (): Promise<() => number | undefined> => {
  const { spawn } = await import('node:child_process');
  mkdirSync(dirname(DAEMON_LOG), { recursive: true });
  const log = openSync(DAEMON_LOG, 'a', 0o640);
  const child = spawn(process.execPath, [programPath('daemon')], {
    detached: true,
    cwd: '/',
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  let code: number | undefined;
  child.once('error', () => (code = 127));
  child.once('exit', (status) => (code = status ?? 1));
  child.unref();
  return () => code;
};

/**
 * Sees to it that a daemon answers at the default socket: root's command line starts one and says so.
 *
 * @throws CLI_DAEMON_ABSENT for other users, CLI_DAEMON_NOT_STARTED, CLIENT_DAEMON_FORBIDDEN
 */
export const ensureDaemon = async (socketPath: string, note: (line: string) => void): Promise<void> => {
  const state = await probe(socketPath);
  if (state === 'open') return;
  const host = `unix://${socketPath}`;
  if (state === 'forbidden') throw clientErrors.daemonForbidden({ host });
  if (process.getuid?.() !== 0) throw cliErrors.daemonAbsent({ host });
  note(`lade: no daemon answers at ${host}; starting one (log: ${DAEMON_LOG})`);
  await untilReady(socketPath, await startDetached());
};
