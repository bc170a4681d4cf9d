import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ConnectStep, StepNetworkRequest } from '#builder';
import { isLoopbackHost } from '#http';
import type { Endpoint, Networks } from '#network';
import type { MountInput } from '#runtime';

const HOSTNAME = 'buildkitsandbox';

/** The step's own /etc/hosts and /etc/resolv.conf, read-only. */
const nameFiles = (
  networks: Networks,
  request: StepNetworkRequest,
  endpoints: readonly Endpoint[],
): readonly MountInput[] => {
  const hostNetwork = request.mode === 'host';
  const { extraHosts, directory } = request;
  const files = {
    hosts: networks.hostsFile({ hostname: HOSTNAME, endpoints, extraHosts, hostNetwork }),
    'resolv.conf': networks.resolvConf({ endpoints, hostNetwork }),
  };
  return Object.entries(files).map(([name, content]) => {
    const source = join(directory, `etc_${name}`);
    writeFileSync(source, content, { mode: 0o644 });
    return { kind: 'bind', source, target: `/etc/${name}`, readonly: true };
  });
};

const onBridge = async (
  networks: Networks,
  request: StepNetworkRequest,
): Promise<Awaited<ReturnType<ConnectStep>>> => {
  const containerId = `build-${randomBytes(16).toString('hex')}`;
  const disconnect = async (): Promise<void> => {
    await networks.detach(containerId);
    networks.removeNamespace(containerId);
  };
  try {
    const netnsPath = networks.createNamespace(containerId);
    const endpoint = await networks.attach({
      containerId,
      containerName: containerId,
      netnsPath,
      network: 'bridge',
    });
    return {
      input: { kind: 'path', path: netnsPath },
      mounts: nameFiles(networks, request, [endpoint]),
      [Symbol.asyncDispose]: disconnect,
    };
  } catch (error) {
    await disconnect();
    throw error;
  }
};

/** Whether a proxy can be reached from this machine alone, and so not from a bridge. */
const isLocalProxy = (proxy: string): boolean => {
  const url = URL.parse(proxy.includes('://') ? proxy : `http://${proxy}`);
  return url !== null && isLoopbackHost(url.hostname.replace(/^\[|\]$/g, ''));
};

/**
 * Puts RUN steps on the default bridge, so that they reach the world but no service that listens on this machine's
 * loopback. The exception is a proxy there: then steps share the machine's network.
 */
export const connectSteps = (networks: Networks, proxies: Readonly<Record<string, string>>): ConnectStep => {
  const needsHost = Object.entries(proxies).some(
    ([name, value]) => name.toUpperCase() !== 'NO_PROXY' && isLocalProxy(value),
  );
  return async (request) => {
    if (request.mode === 'default' && !needsHost) return await onBridge(networks, request);
    const mode = request.mode === 'none' ? 'none' : 'host';
    return {
      input: { kind: mode },
      mounts: nameFiles(networks, { ...request, mode }, []),
      [Symbol.asyncDispose]: async () => undefined,
    };
  };
};
