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
