import type { ExecInspect } from '#api';
import { readDockerConfig, type DockerClient } from '#client';
import { DEFAULT_DETACH_KEYS, flagTable, terminalSize } from '#console';
import { NO_LIMIT, defineCommand } from '../command.ts';
import { exitCodeOf } from '../container-exit.ts';
import type { Cli } from '../context.ts';
import { readEnvironment } from '../environment.ts';
import { cliErrors } from '../errors.ts';
import { containerPath } from '../paths.ts';
import { followSize, runSession } from '../session.ts';

interface Running {
  readonly id: string;
  readonly tty: boolean;
  readonly stdin: boolean;
  readonly detachKeys: string;
}

const consoleSize = (cli: Cli): readonly [number, number] | undefined => {
  const size = terminalSize(cli.stdout);
  return size === undefined ? undefined : [size.rows, size.columns];
};

const runAttached = async (cli: Cli, client: DockerClient, run: Running): Promise<number> => {
  const connection = await client.hijack({
    method: 'POST',
    path: `/exec/${run.id}/start`,
    body: { Detach: false, Tty: run.tty, ConsoleSize: run.tty ? consoleSize(cli) : undefined },
  });
  const resizePath = `/exec/${run.id}/resize`;
  using stack = new DisposableStack();
  if (run.tty) stack.use(followSize(cli, client, resizePath));
  const end = await runSession(cli, connection, run);
  if (end === 'detached') return 0;
  const done = await client.json<ExecInspect>({ method: 'GET', path: `/exec/${run.id}/json` });
  return done.ExitCode ?? 0;
};

const execFlags = flagTable({
  detach: { kind: 'bool', short: 'd', help: 'Detached mode: run command in the background' },
  'detach-keys': { kind: 'string', help: 'Override the key sequence for detaching a container' },
  env: { kind: 'list', short: 'e', help: 'Set environment variables' },
  'env-file': { kind: 'list', help: 'Read in a file of environment variables' },
  interactive: { kind: 'bool', short: 'i', help: 'Keep STDIN open even if not attached' },
  privileged: { kind: 'bool', help: 'Give extended privileges to the command' },
  tty: { kind: 'bool', short: 't', help: 'Allocate a pseudo-TTY' },
  user: { kind: 'string', short: 'u', help: 'Username or UID (format: "<name|uid>[:<group|gid>]")' },
  workdir: { kind: 'string', short: 'w', help: 'Working directory inside the container' },
});

export const command = defineCommand({
  name: 'exec',
  operands: '[OPTIONS] CONTAINER COMMAND [ARG...]',
  summary: 'Execute a command in a running container',
  aliases: ['container exec', 'exec'],
  flags: execFlags,
  args: [2, NO_LIMIT],
  interspersed: false,
  exitCodeOf: (error) => (exitCodeOf(error) === 125 ? 1 : exitCodeOf(error)),
  async run(cli, { flags, args: [container = '', ...words] }) {
    const stdin = flags.interactive && !flags.detach;
    if (flags.tty && stdin && !cli.stdin.isTTY)
      throw cliErrors.argumentInvalid({
        problem: 'the input device is not a TTY',
        advice: 'leave out -t, or run the command in a terminal',
      });
    const detachKeys =
      flags['detach-keys'] ?? readDockerConfig(cli.configFolder).detachKeys ?? DEFAULT_DETACH_KEYS;
    const client = await cli.client();
    const env = readEnvironment(flags['env-file'], flags.env, cli.env);
    const { Id: id } = await client.json<{ readonly Id: string }>({
      method: 'POST',
      path: containerPath(container, '/exec'),
      body: {
        User: flags.user,
        Privileged: flags.privileged,
        Tty: flags.tty,
        AttachStdin: stdin,
        AttachStdout: !flags.detach,
        AttachStderr: !flags.detach,
        DetachKeys: flags['detach-keys'],
        Env: env.length === 0 ? undefined : env,
        WorkingDir: flags.workdir,
        Cmd: words,
        ConsoleSize: flags.tty ? consoleSize(cli) : undefined,
      },
    });
    if (flags.detach) {
      await client.json({
        method: 'POST',
        path: `/exec/${id}/start`,
        body: { Detach: true, Tty: flags.tty },
      });
      return 0;
    }
    return await runAttached(cli, client, { id, tty: flags.tty, stdin, detachKeys });
  },
});
