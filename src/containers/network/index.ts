export { openNetworks } from './open-networks.ts';
export { networkMigrations } from './migrations.ts';
export { networkErrors } from './errors.ts';
export { networkResource } from './network-resource.ts';
export { parseNetworkMode } from './network-mode.ts';
export type {
  AddressPool,
  AttachRequest,
  CreateNetwork,
  Endpoint,
  HostsFileRequest,
  IpamConfig,
  Network,
  NetworkDriver,
  NetworkEvent,
  NetworkMode,
  Networks,
  NetworksOptions,
  PortBinding,
  PortRequest,
  Protocol,
  ResolvConfRequest,
  SweepReport,
} from './types.ts';
