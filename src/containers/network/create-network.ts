import { chooseRange, dropBridge, ensureBridge } from './bridges.ts';
import { endpointsOf, networkView, type Context } from './context.ts';
import { findNetwork } from './context.ts';
import { newId } from './device-names.ts';
import { networkErrors } from './errors.ts';
import { withMachineLock } from './machine-lock.ts';
import { deleteNetwork, saveNetwork, type NetworkRecord } from './records.ts';
import type { CreateNetwork, IpamConfig, Network, NetworkDriver } from './types.ts';

const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]*$/;
const RESERVED = new Set(['bridge', 'host', 'none', 'default', 'container']);
const MTU = 'com.docker.network.driver.mtu';
const DEVICE = 'com.docker.network.bridge.name';
const DEVICE_NAME = /^[A-Za-z0-9][A-Za-z0-9_-]{0,14}$/;

const checkOptions = (options: Readonly<Record<string, string>>): void => {
  const mtu = options[MTU];
  if (mtu !== undefined && !(Number(mtu) >= 68 && Number(mtu) <= 65_535))
    throw networkErrors.optionInvalid({ option: MTU, value: mtu });
  const device = options[DEVICE];
  if (device !== undefined && !DEVICE_NAME.test(device))
    throw networkErrors.optionInvalid({ option: DEVICE, value: device });
};

const checkRequest = (context: Context, request: CreateNetwork): void => {
  const { name, driver = 'bridge', enableIPv6 = false, options = {} } = request;
  if (!NAME.test(name)) throw networkErrors.networkNameInvalid({ name });
  if (RESERVED.has(name)) throw networkErrors.networkPredefined({ name, action: 'created' });
  if (driver !== 'bridge' && driver !== '') throw networkErrors.driverUnsupported({ driver });
  if (enableIPv6) throw networkErrors.ipv6Unsupported({ what: `network ${name}` });
  checkOptions(options);
  if ([...context.networks.values()].some((network) => network.name === name))
    throw networkErrors.networkExists({ name });
};

const wantedRange = (request: CreateNetwork): Partial<IpamConfig> => {
  const [first = {}, ...more] = request.ipam ?? [];
  const extra = more.find((config) => (config.subnet ?? '') !== '');
  if (extra !== undefined)
    throw networkErrors.ipamInvalid({
      field: 'subnet',
      value: extra.subnet ?? '',
      reason: 'one range is the limit',
    });
  const hasSubnet = (first.subnet ?? '') !== '';
  const dependent = first.ipRange ?? first.gateway;
  if (!hasSubnet && dependent !== undefined && dependent !== '')
    throw networkErrors.ipamInvalid({
      field: 'subnet',
      value: '',
      reason: 'a gateway or IP range needs one',
    });
  return first;
};

const recordOf = (request: CreateNetwork, ipam: IpamConfig, chosen: boolean): NetworkRecord => ({
  id: newId(),
  name: request.name,
  driver: 'bridge',
  created: new Date(),
  internal: request.internal ?? false,
  attachable: request.attachable ?? false,
  predefined: false,
  options: request.options ?? {},
  labels: request.labels ?? {},
  ipam,
  device: undefined,
  chosen,
});

/** See `Networks.create`. */
export const createNetwork = async (context: Context, request: CreateNetwork): Promise<Network> => {
  checkRequest(context, request);
  const wanted = wantedRange(request);
  const record = recordOf(request, chooseRange(context, wanted), (wanted.subnet ?? '') === '');
  context.networks.set(record.id, record);
  try {
    await context.database.write([saveNetwork(record)]);
    await ensureBridge(context, record.id);
  } catch (error) {
    context.networks.delete(record.id);
    await Promise.allSettled([
      context.database.write([deleteNetwork(record.id)]),
      dropBridge(context, record).then(() => context.firewall.apply()),
    ]);
    throw error;
  }
  const network = networkView(context, findNetwork(context, record.id));
  context.emit({ kind: 'network-created', network });
  return network;
};

/** See `Networks.remove`. */
export const removeNetwork = async (context: Context, nameOrId: string): Promise<Network> => {
  const record = findNetwork(context, nameOrId);
  const { id, name } = record;
  if (record.predefined) throw networkErrors.networkPredefined({ name, action: 'removed' });
  const containers = endpointsOf(context, id).map((endpoint) => endpoint.containerName);
  if (containers.length > 0) throw networkErrors.networkInUse({ name, id, containers });
  await context.making.get(id)?.catch(() => undefined);
  // Making the bridge settles its device.
  const settled = context.networks.get(id) ?? record;
  const network = networkView(context, settled);
  context.networks.delete(id);
  await context.database.write([deleteNetwork(id)]);
  await dropBridge(context, settled);
  await Promise.all([context.firewall.apply(), context.firewall.passForward()]);
  context.emit({ kind: 'network-removed', network });
  return network;
};

interface Predefined {
  readonly name: string;
  readonly driver: NetworkDriver;
}

const PREDEFINED: readonly Predefined[] = [
  { name: 'bridge', driver: 'bridge' },
  { name: 'host', driver: 'host' },
  { name: 'none', driver: 'null' },
];

const DEFAULT_OPTIONS = {
  'com.docker.network.bridge.default_bridge': 'true',
  'com.docker.network.bridge.enable_icc': 'true',
  'com.docker.network.bridge.enable_ip_masquerade': 'true',
  'com.docker.network.bridge.host_binding_ipv4': '0.0.0.0',
};

/** Records the networks that always exist, where they are missing, and gives `bridge` a range. */
export const ensurePredefined = async (context: Context): Promise<void> => {
  const known = new Set([...context.networks.values()].map((network) => network.name));
  const missing = PREDEFINED.filter(({ name }) => !known.has(name));
  if (missing.length === 0) return;
  await withMachineLock(async () => {
    for (const { name, driver } of missing) {
      const isBridge = driver === 'bridge';
      const record: NetworkRecord = {
        ...recordOf(
          { name, options: isBridge ? DEFAULT_OPTIONS : {} },
          { subnet: '', gateway: '' },
          isBridge,
        ),
        driver,
        predefined: true,
        ipam: isBridge ? chooseRange(context, {}) : undefined,
      };
      context.networks.set(record.id, record);
    }
    await context.database.write([...context.networks.values()].map(saveNetwork));
  });
};
