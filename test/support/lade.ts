import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { mustRun, run, startService, type Finished, type RunOptions, type Service } from './process.ts';
import type { Scratch } from './scratch.ts';

export const project = join(import.meta.dirname, '..', '..');
export const LADE = process.env['LADE_TEST_BIN'] ?? join(project, 'bin', 'lade');

/** The docker command on the PATH (set-up unpacks Debian's where the machine has none). */
const DOCKER = 'docker';

export interface Machine extends AsyncDisposable {
  readonly socket: string;
  readonly root: string;
  readonly daemon: Service;
  /** The real docker CLI against this daemon; an exit code other than 0 is an error. */
  docker(...args: string[]): Promise<Finished>;
  /** The same, whatever the exit code. */
  tryDocker(args: readonly string[], options?: RunOptions): Promise<Finished>;
  lade(...args: string[]): Promise<Finished>;
  tryLade(args: readonly string[], options?: RunOptions): Promise<Finished>;
  /** Ends the daemon by `signal` and starts it again on the same root. */
  restart(signal: NodeJS.Signals): Promise<void>;
}

const daemonArgs = (socket: string, root: string): string[] => [
  'daemon',
  '--host',
  `unix://${socket}`,
  '--root',
  root,
];

/** A daemon of the test's own, with both command lines pointed at it. */
export const startMachine = async (
  scratch: Scratch,
  options: { readonly root?: string; readonly env?: NodeJS.ProcessEnv; readonly umask?: string } = {},
): Promise<Machine> => {
  const socket = scratch.join('d.sock');
  const root = options.root ?? scratch.join('root');
  const daemonEnv = { ...process.env, ...options.env };
  const start = (): Promise<Service> => {
    const args = daemonArgs(socket, root);
    if (options.umask === undefined) return startService(LADE, args, daemonEnv);
    const script = `umask ${options.umask}; exec "$0" "$@"`;
    return startService('sh', ['-c', script, LADE, ...args], daemonEnv);
  };
  let daemon = await start();
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    DOCKER_HOST: `unix://${socket}`,
    LADE_HOST: `unix://${socket}`,
    DOCKER_BUILDKIT: '0',
    DOCKER_CONFIG: scratch.join('docker-config'),
  };
  const tryDocker = (args: readonly string[], more: RunOptions = {}) => run(DOCKER, args, { env, ...more });
  const tryLade = (args: readonly string[], more: RunOptions = {}) => run(LADE, args, { env, ...more });
  return {
    socket,
    root,
    get daemon() {
      return daemon;
    },
    docker: (...args) => mustRun(DOCKER, args, { env }),
    tryDocker,
    lade: (...args) => mustRun(LADE, args, { env }),
    tryLade,
    async restart(signal) {
      await daemon.kill(signal);
      daemon = await start();
    },
    async [Symbol.asyncDispose]() {
      const containers = (await tryDocker(['ps', '-aq'])).stdout.split('\n').filter(Boolean);
      if (containers.length > 0) await tryDocker(['rm', '-f', '-v', ...containers]);
      await daemon[Symbol.asyncDispose]();
    },
  };
};

export interface RegistryService extends AsyncDisposable {
  /** host:port */
  readonly address: string;
  readonly service: Service;
}

/** Lade's own registry on a free port. */
export const startRegistry = async (root: string, ...more: string[]): Promise<RegistryService> => {
  const serve = ['registry', 'serve', '--listen', '127.0.0.1:0', '--root', root, ...more];
  const service = await startService(LADE, serve);
  const port = /:(\d+)\b/.exec(service.readyLine)?.[1];
  if (port === undefined) throw new Error(`no port in: ${service.readyLine}`);
  return {
    address: `localhost:${port}`,
    service,
    [Symbol.asyncDispose]: () => service[Symbol.asyncDispose](),
  };
};

/** A root file system of busybox alone, as a tar archive below `scratch`. */
export const busyboxArchive = async (scratch: Scratch): Promise<string> => {
  const archive = scratch.join('busybox.tar');
  if (existsSync(archive)) return archive;
  const script = `
    set -e; mkdir -p rootfs/bin rootfs/etc rootfs/tmp rootfs/root rootfs/var/www; cd rootfs; chmod 1777 tmp
    cp "$(command -v busybox)" bin/busybox
    for applet in $(bin/busybox --list); do [ -e bin/$applet ] || ln -s busybox bin/$applet; done
    printf 'root:x:0:0:root:/root:/bin/sh\\nweb:x:1000:1000::/:/bin/sh\\n' > etc/passwd
    printf 'root:x:0:\\nweb:x:1000:\\n' > etc/group
    tar --sort=name --numeric-owner --owner=0 --group=0 -cf ${archive} .`;
  await mustRun('sh', ['-c', script], { cwd: scratch.path });
  return archive;
};
