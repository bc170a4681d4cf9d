import type { Networks, NetworksOptions } from './types.ts';

/** The networks of one root. */
export const openNetworks = async (options: NetworksOptions): Promise<Networks> => {
  await Promise.resolve();
  throw new Error(`networks of ${options.root.path}`);
};
