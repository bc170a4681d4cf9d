import type { ContainerInspect } from '#api';
import { readDockerConfig } from '#client';
import { DEFAULT_DETACH_KEYS, flagTable } from '#console';
import { NO_LIMIT, defineCommand } from '../command.ts';
import { beginWait, exitCodeOf } from '../container-exit.ts';
import type { Cli } from '../context.ts';
import { forEachName } from '../each.ts';
import { cliErrors } from '../errors.ts';
import { containerPath } from '../paths.ts';
import { followSize, runSession } from '../session.ts';
import { proxySignals } from '../signal-proxy.ts';

interface AttachedStart {
  readonly name: string;
  readonly interactive: boolean;
  readonly detachKeys: string;
  readonly signals: boolean;
}

const startAttached = async (cli: Cli, start: AttachedStart): Promise<number> => {
  const client = await cli.client();
  const path = containerPath(start.name, '/json');
  const container = await client.json<ContainerInspect>({ method: 'GET', path });
  const tty = container.Config.Tty === true;
  const stdin = start.interactive && container.Config.OpenStdin === true;
  const connection = await client.hijack({
    method: 'POST',
    path: containerPath(container.Id, '/attach'),
    query: { stream: true, stdin, stdout: true, stderr: true, detachKeys: start.detachKeys },
  });
  const condition = container.HostConfig.AutoRemove === true ? 'removed' : 'next-exit';
  const exit = await beginWait(client, container.Id, condition);
  using stack = new DisposableStack();
  if (start.signals && !tty) stack.use(proxySignals(client, container.Id));
  const resizePath = containerPath(container.Id, '/resize');
  const session = runSession(cli, connection, { tty, stdin, detachKeys: start.detachKeys });
  session.catch(() => undefined);
  try {
    await client.json({ method: 'POST', path: containerPath(container.Id, '/start') });
  } catch (error) {
    connection.socket.destroy();
    throw error;
  }
  if (tty) stack.use(followSize(cli, client, resizePath));
  return (await session) === 'detached' ? 0 : (await exit()).StatusCode;
};

export const command = defineCommand({
  name: 'start',
  operands: '[OPTIONS] CONTAINER [CONTAINER...]',
  summary: 'Start one or more stopped containers',
  aliases: ['container start', 'start'],
  flags: flagTable({
    attach: { kind: 'bool', short: 'a', help: 'Attach STDOUT/STDERR and forward signals' },
    'detach-keys': { kind: 'string', help: 'Override the key sequence for detaching a container' },
    interactive: { kind: 'bool', short: 'i', help: "Attach container's STDIN" },
    'sig-proxy': { kind: 'bool', on: true, help: 'Proxy received signals to the process', hidden: true },
  }),
  args: [1, NO_LIMIT],
  exitCodeOf: (error) => (exitCodeOf(error) === 125 ? 1 : exitCodeOf(error)),
  async run(cli, { flags, args }) {
    const client = await cli.client();
    if (!flags.attach && !flags.interactive)
      return await forEachName(cli, args, (name) =>
        client.json({ method: 'POST', path: containerPath(name, '/start') }),
      );
    const [name = '', ...others] = args;
    if (others.length > 0)
      throw cliErrors.argumentInvalid({
        problem: 'you cannot start and attach multiple containers at once',
        advice: 'start them one by one, or without -a and -i',
      });
    const detachKeys =
      flags['detach-keys'] ?? readDockerConfig(cli.configFolder).detachKeys ?? DEFAULT_DETACH_KEYS;
    const interactive = flags.interactive;
    return await startAttached(cli, { name, interactive, detachKeys, signals: flags['sig-proxy'] });
  },
});
