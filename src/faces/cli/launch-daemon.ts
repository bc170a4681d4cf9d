import { closeSync, mkdirSync, openSync } from 'node:fs';
import { spawn } from 'node:child_process';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { cliErrors } from './errors.ts';
import { probe } from './probe.ts';
import { programPath } from './programs.ts';

export const DAEMON_LOG = '/var/log/lade/daemon.log';
const READY_WITHIN_MS = 30_000;
const POLL_MS = 25;

interface Started {
  /** Its exit code, once it has ended. */
  ended(): number | undefined;
  /** A daemon that never became ready must not stay behind. */
  giveUp(): void;
}

const untilReady = async (path: string, started: Started): Promise<void> => {
  const deadline = performance.now() + READY_WITHIN_MS;
  while ((await probe(path)) !== 'open') {
    const code = started.ended();
    if (code !== undefined) throw cliErrors.daemonNotStarted({ problem: `it ended with exit code ${code}` });
    if (performance.now() > deadline) {
      started.giveUp();
      throw cliErrors.daemonNotStarted({ problem: 'it took longer than 30 s' });
    }
    await sleep(POLL_MS);
  }
};

const startDetached = (): Started => {
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
  return { ended: () => code, giveUp: () => void child.kill('SIGKILL') };
};

/**
 * Starts a daemon that outlives this process and waits until it answers.
 *
 * @throws CLI_DAEMON_NOT_STARTED
 */
export const launchDaemon = async (socketPath: string): Promise<void> => {
  await untilReady(socketPath, startDetached());
};
