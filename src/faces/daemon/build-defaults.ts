import { isLoopbackHost } from '#http';
import type { BuildDefaults } from './build-request.ts';

const PROXY_VARIABLES = ['HTTP_PROXY', 'HTTPS_PROXY', 'FTP_PROXY', 'ALL_PROXY', 'NO_PROXY'];

/** What the daemon's environment gives to every build step: proxies, and the CA bundle of this machine. */
export const buildDefaultsFrom = (
  hostCa: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
): BuildDefaults => {
  const names = PROXY_VARIABLES.flatMap((name) => [name, name.toLowerCase()]);
  const found = names.flatMap((name) => {
    const value = env[name];
    return value === undefined || value === '' ? [] : [[name, value] as const];
  });
  return { hostCa: hostCa === undefined ? undefined : { path: hostCa }, proxies: Object.fromEntries(found) };
};

const isLocal = (proxy: string): boolean => {
  const url = URL.parse(proxy.includes('://') ? proxy : `http://${proxy}`);
  return url !== null && isLoopbackHost(url.hostname.replace(/^\[|\]$/g, ''));
};

/** Whether a proxy listens on this machine's loopback: build steps reach it only when they share the machine's network. */
export const hasLocalProxy = (proxies: BuildDefaults['proxies']): boolean =>
  Object.entries(proxies).some(([name, value]) => name.toUpperCase() !== 'NO_PROXY' && isLocal(value));
