import type { ContainerInspect } from '#api';
import { readDockerConfig } from '#client';
import { DEFAULT_DETACH_KEYS, flagTable } from '#console';
import { defineCommand } from '../command.ts';
import { beginWait } from '../container-exit.ts';
import { cliErrors } from '../errors.ts';
import { containerPath } from '../paths.ts';
import { followSize, runSession } from '../session.ts';
import { proxySignals } from '../signal-proxy.ts';

const checkRunning = (container: ContainerInspect, name: string): void => {
  const { State } = container;
  if (State.Running && !State.Paused && !State.Restarting) return;
  const state = State.Paused ? 'a paused' : State.Restarting ? 'a restarting' : 'a stopped';
  const verb = State.Paused ? 'unpause' : 'start';
  throw cliErrors.work({
    message: `cannot attach to ${state} container, ${verb} it first`,
    advice: `run 'lade ${verb} ${name}'`,
  });
};

export const command = defineCommand({
  name: 'attach',
  operands: '[OPTIONS] CONTAINER',
  summary: 'Attach local standard input, output, and error streams to a running container',
  aliases: ['container attach', 'attach'],
  flags: flagTable({
    'detach-keys': { kind: 'string', help: 'Override the key sequence for detaching a container' },
    'no-stdin': { kind: 'bool', help: 'Do not attach STDIN' },
    'sig-proxy': { kind: 'bool', on: true, help: 'Proxy all received signals to the process' },
  }),
  args: [1, 1],
  async run(cli, { flags, args: [name = ''] }) {
    const client = await cli.client();
    const container = await client.json<ContainerInspect>({
      method: 'GET',
      path: containerPath(name, '/json'),
    });
    checkRunning(container, name);
    const tty = container.Config.Tty === true;
    const stdin = !flags['no-stdin'] && container.Config.OpenStdin === true;
    if (tty && stdin && !cli.stdin.isTTY)
      throw cliErrors.argumentInvalid({
        problem: 'the input device is not a TTY',
        advice: 'attach with --no-stdin, or in a terminal',
      });
    const detachKeys =
      flags['detach-keys'] ?? readDockerConfig(cli.configFolder).detachKeys ?? DEFAULT_DETACH_KEYS;
    const exit = await beginWait(client, container.Id, 'not-running');
    const connection = await client.hijack({
      method: 'POST',
      path: containerPath(container.Id, '/attach'),
      query: { stream: true, stdin, stdout: true, stderr: true, detachKeys },
    });
    using stack = new DisposableStack();
    if (flags['sig-proxy'] && !tty) stack.use(proxySignals(client, container.Id));
    const resizePath = containerPath(container.Id, '/resize');
    if (tty) stack.use(followSize(cli, client, resizePath));
    const end = await runSession(cli, connection, { tty, stdin, detachKeys });
    return end === 'detached' ? 0 : (await exit()).StatusCode;
  },
});
