import { clientErrors } from '#client';
import { cliErrors } from './errors.ts';
import { probe } from './probe.ts';

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
  const { DAEMON_LOG, launchDaemon } = await import('./launch-daemon.ts');
  note(`lade: no daemon answers at ${host}; starting one (log: ${DAEMON_LOG})`);
  await launchDaemon(socketPath);
};
