import { createDockerClient, chooseHost, configFolder, parseHost, type DockerClient } from '#client';
import { openStream } from './standard-streams.ts';

/** What a verb may use of the process it runs in. */
export interface Cli {
  readonly env: NodeJS.ProcessEnv;
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  /** Folder of config.json. */
  readonly configFolder: string;
  /** The daemon; its first call starts one where that is allowed (see `start-daemon.ts`). */
  client(): Promise<DockerClient>;
  /** Writes to stdout as it is. */
  out(text: string): void;
  /** Writes a line to stderr. */
  note(line: string): void;
  /** Aborted by the first ^C or SIGTERM; a verb that never asks for it ends at once, as processes do. */
  readonly signal: AbortSignal;
  /** Aborted by the second one; a verb that asks for it waits after the first, and half a second after the second. */
  readonly leave: AbortSignal;
}

export interface CliOptions {
  readonly host: string | undefined;
  readonly configFolder: string | undefined;
}

const openClient = async (options: CliOptions, note: (line: string) => void): Promise<DockerClient> => {
  const choice = chooseHost(options.host, process.env);
  const host = parseHost(choice.address, process.env);
  if (!choice.isDefault || host.kind !== 'unix') return createDockerClient({ host });
  const onAbsent = async (): Promise<void> => {
    const { ensureDaemon } = await import('./start-daemon.ts');
    await ensureDaemon(host.path, note);
  };
  return createDockerClient({ host, onAbsent });
};

/** The exit code that shells give to a process that SIGINT or SIGTERM ended. */
export const SIGNAL_CODES = { SIGINT: 130, SIGTERM: 143 } as const;

const interruptSignal = (): AbortSignal => {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const)
    process.once(name, () => {
      process.exitCode = SIGNAL_CODES[name];
      controller.abort();
    });
  return controller.signal;
};

/** How long a verb that is to leave at once may take for the screen. */
const LEAVE_MS = 500;

/** Counts from the first signal on. */
const leaveSignal = (first: AbortSignal): AbortSignal => {
  const controller = new AbortController();
  const leave = (code: number): void => {
    process.exitCode = code;
    controller.abort();
    setTimeout(() => process.exit(code), LEAVE_MS).unref();
  };
  first.addEventListener(
    'abort',
    () => {
      for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => leave(SIGNAL_CODES[name]));
    },
    { once: true },
  );
  return controller.signal;
};

/** The context of this process. */
export const createCli = (options: CliOptions): Cli => {
  let client: Promise<DockerClient> | undefined;
  let [signal, leave]: [AbortSignal | undefined, AbortSignal | undefined] = [undefined, undefined];
  const note = (line: string): void => void openStream('stderr').write(`${line}\n`);
  return {
    env: process.env,
    get stdin() {
      return process.stdin;
    },
    get stdout() {
      return openStream('stdout');
    },
    get stderr() {
      return openStream('stderr');
    },
    configFolder: options.configFolder ?? configFolder(process.env),
    client: () => (client ??= openClient(options, note)),
    out: (text) => void openStream('stdout').write(text),
    note,
    get signal() {
      return (signal ??= interruptSignal());
    },
    get leave() {
      return (leave ??= leaveSignal(this.signal));
    },
  };
};
