import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Networks } from '#network';
import type { MountInput, NetworkInput } from '#runtime';

/** The network of one RUN step; what it needs ends when it is disposed. */
export interface StepNetwork extends AsyncDisposable {
  readonly input: NetworkInput;
  readonly mounts: readonly MountInput[];
}

export interface StepNetworkRequest {
  /** Names the step while it is connected. */
  readonly id: string;
  /** `default`, `none`, `host`, or the name of a user's network. */
  readonly mode: string;
  /** Private directory of the step. */
  readonly directory: string;
  /** `name:address`. */
  readonly extraHosts: readonly string[];
  /** What the step calls itself. */
  readonly hostname: string;
}

/** Connects a RUN step; a room above may bring another one than the host's own network. */
export type ConnectStep = (request: StepNetworkRequest) => Promise<StepNetwork>;

const localhost = (hostname: string): string =>
  `127.0.0.1\tlocalhost ${hostname}\n::1\tlocalhost ip6-localhost ip6-loopback\n`;

const readOr = (path: string, otherwise: string): string => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return otherwise;
  }
};

const extraLines = (extraHosts: readonly string[]): string =>
  extraHosts
    .map((line) => {
      const colon = line.search(/[:=]/u);
      return `${line.slice(colon + 1)}\t${line.slice(0, colon)}\n`;
    })
    .join('');

/** Writes a file and binds it over `target`, read-only. */
export const boundFile = (directory: string, target: string, content: string, mode = 0o644): MountInput => {
  const source = join(directory, target.replaceAll('/', '_'));
  writeFileSync(source, content, { mode });
  // Only a script is there to be run.
  return { kind: 'bind', source, target, readonly: true, inert: (mode & 0o111) === 0 };
};

/** The host's own network, with its name servers; or none. */
export const connectToHost: ConnectStep = (request) => {
  const { mode, directory, extraHosts, hostname } = request;
  const isolated = mode === 'none';
  const hosts = isolated ? localhost(hostname) : readOr('/etc/hosts', localhost(hostname));
  const resolver = isolated ? '' : readOr('/etc/resolv.conf', '');
  return Promise.resolve({
    input: { kind: isolated ? 'none' : 'host' },
    mounts: [
      boundFile(directory, '/etc/hosts', hosts + extraLines(extraHosts)),
      boundFile(directory, '/etc/resolv.conf', resolver),
    ],
    [Symbol.asyncDispose]: () => Promise.resolve(),
  });
};

/** The default bridge or a user's network, as containers get them; `none` and `host` are as with `connectToHost`. */
export const connectToBridge =
  (networks: Networks): ConnectStep =>
  async (request) => {
    if (request.mode === 'none' || request.mode === 'host') return connectToHost(request);
    const { id, directory, extraHosts, hostname } = request;
    await using stack = new AsyncDisposableStack();
    const netnsPath = networks.createNamespace(id);
    stack.defer(() => networks.removeNamespace(id));
    const attachment = {
      containerId: id,
      containerName: id,
      netnsPath,
      network: request.mode === 'default' ? 'bridge' : request.mode,
      hostname,
    };
    const endpoints = [await networks.attach(attachment)];
    stack.defer(() => networks.detach(id));
    const mounts = [
      boundFile(directory, '/etc/hosts', networks.hostsFile({ hostname, endpoints, extraHosts })),
      boundFile(directory, '/etc/resolv.conf', networks.resolvConf({ endpoints })),
    ];
    const kept = stack.move();
    return {
      input: { kind: 'path', path: netnsPath },
      mounts,
      [Symbol.asyncDispose]: () => kept.disposeAsync(),
    };
  };
