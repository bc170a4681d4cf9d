import { once } from 'node:events';
import type { Duplex, Writable } from 'node:stream';
import { demultiplex, type DockerClient, type Hijacked } from '#client';
import { createDetachFilter, onResize, parseDetachKeys, rawMode, terminalSize } from '#console';
import type { Cli } from './context.ts';

export interface SessionOptions {
  /** The process has a terminal: output is raw bytes, otherwise it is multiplexed. */
  readonly tty: boolean;
  readonly stdin: boolean;
  readonly detachKeys: string;
}

export type SessionEnd = 'ended' | 'detached';

const writeTo = async (target: Writable, data: Uint8Array): Promise<void> => {
  if (!target.write(data)) await once(target, 'drain');
};

const copyOutput = async (cli: Cli, socket: Duplex, tty: boolean): Promise<void> => {
  if (tty) {
    for await (const data of socket as AsyncIterable<Buffer>) await writeTo(cli.stdout, data);
    return;
  }
  for await (const { stream, data } of demultiplex(socket as AsyncIterable<Buffer>))
    await writeTo(stream === 'stderr' ? cli.stderr : cli.stdout, data);
};

/** Sends stdin until it ends (then the process reads EOF) or the detach keys are typed. */
const copyInput = (cli: Cli, socket: Duplex, options: SessionOptions): Promise<void> & Disposable => {
  const { stdin } = cli;
  const filter = options.tty ? createDetachFilter(parseDetachKeys(options.detachKeys)) : undefined;
  let detach: () => void = () => undefined;
  const detached = new Promise<void>((resolve) => {
    detach = resolve;
  });
  const send = (data: Buffer): void => {
    if (socket.destroyed || !socket.writable || data.length === 0) return;
    if (socket.write(data)) return;
    stdin.pause();
    socket.once('drain', () => stdin.resume());
  };
  const onData = (data: Buffer): void => {
    const typed = filter?.(data) ?? { pass: data, detached: false };
    send(typed.pass);
    if (typed.detached) detach();
  };
  const onEnd = (): void => void socket.end();
  // A question that was asked before has paused it.
  stdin.on('data', onData).on('end', onEnd).on('error', onEnd).resume();
  const stop = (): void => {
    stdin.off('data', onData).off('end', onEnd).off('error', onEnd);
    stdin.pause();
  };
  return Object.assign(detached, { [Symbol.dispose]: stop });
};

/** Keeps the process's terminal at the size of ours, until disposed. */
export const followSize = (cli: Cli, client: DockerClient, path: string): Disposable => {
  const send = (size: { readonly columns: number; readonly rows: number }): void => {
    const query = { h: size.rows, w: size.columns };
    client.json({ method: 'POST', path, query }).catch(() => undefined);
  };
  const now = terminalSize(cli.stdout);
  if (now !== undefined) send(now);
  return onResize(cli.stdout, send);
};

/**
 * Connects our stdin, stdout and stderr to a hijacked connection until the process closes it or the detach keys are
 * typed. The terminal is in raw mode meanwhile, where the process has one.
 */
export const runSession = async (
  cli: Cli,
  connection: Hijacked,
  options: SessionOptions,
): Promise<SessionEnd> => {
  const { socket } = connection;
  using stack = new DisposableStack();
  if (options.stdin && options.tty) stack.use(rawMode(cli.stdin));
  const output = copyOutput(cli, socket, options.tty).then((): SessionEnd => 'ended');
  if (!options.stdin) return await output;
  const input = stack.use(copyInput(cli, socket, options));
  const end = await Promise.race([output, input.then((): SessionEnd => 'detached')]);
  output.catch(() => undefined);
  if (end === 'detached') socket.destroy();
  return end;
};
