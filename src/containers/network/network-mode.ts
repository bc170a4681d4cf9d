import type { NetworkMode } from './types.ts';

const CONTAINER = 'container:';

/** Docker's `HostConfig.NetworkMode`; an empty one and `default` name the network `bridge`. */
export const parseNetworkMode = (text: string | undefined): NetworkMode => {
  if (text === undefined || text === '' || text === 'default') return { kind: 'network', network: 'bridge' };
  if (text === 'host') return { kind: 'host' };
  if (text === 'none') return { kind: 'none' };
  if (text.startsWith(CONTAINER)) return { kind: 'container', container: text.slice(CONTAINER.length) };
  return { kind: 'network', network: text };
};
