import { readDockerConfig, type DockerClient } from '#client';
import { DEFAULT_DETACH_KEYS, flagTable, terminalSize } from '#console';
import { NO_LIMIT, defineCommand } from '../command.ts';
import { CONTAINER_FLAGS } from '../container-flags.ts';
import { beginWait, exitCodeOf } from '../container-exit.ts';
import {
  attachedStreams,
  containerRequest,
  type Attached,
  type ContainerFlags,
} from '../container-request.ts';
import type { Cli } from '../context.ts';
import { createContainer } from '../create-container.ts';
import { wantedPlatform } from '../default-platform.ts';
import { cliErrors } from '../errors.ts';
import { containerPath } from '../paths.ts';
import { followSize, runSession } from '../session.ts';
import { proxySignals } from '../signal-proxy.ts';

const runFlags = flagTable({
  ...CONTAINER_FLAGS,
  detach: { kind: 'bool', short: 'd', help: 'Run container in background and print container ID' },
  'detach-keys': { kind: 'string', help: 'Override the key sequence for detaching a container' },
  'sig-proxy': { kind: 'bool', on: true, help: 'Proxy received signals to the process' },
});

const checkTerminal = (cli: Cli, flags: ContainerFlags, attached: Attached): void => {
  if (flags.tty && attached.stdin && !cli.stdin.isTTY)
    throw cliErrors.argumentInvalid({
      problem: 'the input device is not a TTY',
      advice: 'leave out -t, or run the command in a terminal',
    });
};

const consoleSizeOf = (cli: Cli): readonly [number, number] | undefined => {
  const size = terminalSize(cli.stdout);
  return size === undefined ? undefined : [size.rows, size.columns];
};

const start = async (client: DockerClient, id: string): Promise<void> => {
  await client.json({ method: 'POST', path: containerPath(id, '/start') });
};

interface Foreground {
  readonly id: string;
  readonly attached: Attached;
  readonly tty: boolean;
  readonly autoRemove: boolean;
  readonly detachKeys: string;
  readonly signals: boolean;
}

/** Attaches first and starts then, so that no output is lost; returns the container's exit code. */
const runAttached = async (cli: Cli, client: DockerClient, run: Foreground): Promise<number> => {
  using stack = new DisposableStack();
  if (run.signals) stack.use(proxySignals(client, run.id));
  const { stdin, stdout, stderr } = run.attached;
  // Both before the start, at once: the one loses no output, the other no exit code.
  const [connection, exit] = await Promise.all([
    client.hijack({
      method: 'POST',
      path: containerPath(run.id, '/attach'),
      query: { stream: true, stdin, stdout, stderr, detachKeys: run.detachKeys },
    }),
    beginWait(client, run.id, run.autoRemove ? 'removed' : 'next-exit'),
  ]);
  const resizePath = containerPath(run.id, '/resize');
  const session = runSession(cli, connection, {
    tty: run.tty,
    stdin,
    detachKeys: run.detachKeys,
  });
  session.catch(() => undefined);
  try {
    await start(client, run.id);
  } catch (error) {
    connection.socket.destroy();
    throw error;
  }
  if (run.tty) stack.use(followSize(cli, client, resizePath));
  if ((await session) === 'detached') return 0;
  return (await exit()).StatusCode;
};

export const command = defineCommand({
  name: 'run',
  operands: '[OPTIONS] IMAGE [COMMAND] [ARG...]',
  summary: 'Create and run a new container from an image',
  aliases: ['container run', 'run'],
  flags: runFlags,
  args: [1, NO_LIMIT],
  interspersed: false,
  exitCodeOf,
  async run(cli, { flags, args: [image = '', ...words] }) {
    if (flags.detach && flags.attach.length > 0)
      throw cliErrors.optionsConflict({
        problem: 'cannot specify both --attach and --detach',
        command: 'lade run',
      });
    const attached = attachedStreams(flags, flags.detach);
    checkTerminal(cli, flags, attached);
    const client = await cli.client();
    const id = await createContainer(cli, {
      image,
      name: flags.name,
      platform: wantedPlatform(cli, flags.platform),
      pull: flags.pull,
      quiet: flags.quiet,
      idFile: flags.cidfile,
      body: containerRequest(flags, { image, words, attached, consoleSize: consoleSizeOf(cli) }),
    });
    if (!attached.stdin && !attached.stdout && !attached.stderr) {
      await start(client, id);
      cli.out(`${id}\n`);
      return 0;
    }
    const detachKeys = flags['detach-keys'] ?? readDockerConfig(cli.configFolder).detachKeys;
    return await runAttached(cli, client, {
      id,
      attached,
      tty: flags.tty,
      autoRemove: flags.rm,
      detachKeys: detachKeys ?? DEFAULT_DETACH_KEYS,
      signals: flags['sig-proxy'] && !flags.tty,
    });
  },
});
