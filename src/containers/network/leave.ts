import { forget, openPorts } from './attach.ts';
import { replaceDefaultRoute, unplug } from './cable.ts';
import { endpointsOfContainer, findNetwork, networkView, type Context } from './context.ts';
import { networkErrors } from './errors.ts';
import { exactRequests } from './publish.ts';
import { deleteEndpoint, saveEndpoint, writeEndpoints, type EndpointRecord } from './records.ts';

/** Rules and names follow what was forgotten, off the caller's path. */
const followLater = (context: Context, gone: readonly EndpointRecord[]): void => {
  const work = [
    ...(gone.some((record) => record.ports.length > 0) ? [context.firewall.apply()] : []),
    context.resolver.update(),
  ];
  for (const promise of work)
    promise.catch((error: unknown) => {
      context.emit({ kind: 'notice', message: `network rules could not be updated: ${String(error)}` });
    });
};

const tell = (context: Context, record: EndpointRecord): void => {
  const network = context.networks.get(record.networkId);
  if (network === undefined) return;
  const { containerId } = record;
  context.emit({ kind: 'disconnected', network: networkView(context, network), containerId });
};

/** Gives the way out and the published ports to the next network of the container that can have them. */
const handOver = async (context: Context, gone: EndpointRecord): Promise<void> => {
  const heir = endpointsOfContainer(context, gone.containerId).find((record) => record.gateway !== '');
  if (heir === undefined) return;
  replaceDefaultRoute(heir.netnsPath, heir.device, heir.gateway);
  if (gone.requested.length === 0) return;
  const richer = { ...heir, requested: exactRequests([...heir.ports, ...gone.ports]) };
  context.publications.get(heir.id)?.close();
  try {
    await writeEndpoints(context.database, [saveEndpoint(await openPorts(context, richer))]);
  } catch (error) {
    const message = `the published ports of ${heir.containerName} were lost: ${String(error)}`;
    context.emit({ kind: 'notice', message });
  }
};

/** See `Networks.disconnect`. */
export const disconnect = async (context: Context, name: string, containerId: string): Promise<void> => {
  const network = findNetwork(context, name);
  const record = endpointsOfContainer(context, containerId).find((found) => found.networkId === network.id);
  if (record === undefined)
    throw networkErrors.notConnected({ container: containerId.slice(0, 12), network: network.name });
  if (network.driver === 'host') throw networkErrors.notConnectable({ network: network.name });
  forget(context, record);
  if (record.hostDevice !== '') await unplug(record.hostDevice);
  await writeEndpoints(context.database, [deleteEndpoint(record.id)]);
  followLater(context, [record]);
  await handOver(context, record);
  tell(context, record);
};

/** Nobody waits for the records: `sweep` removes those of containers that do not run when networks are opened. */
const eraseLater = (context: Context, gone: readonly EndpointRecord[]): void => {
  writeEndpoints(
    context.database,
    gone.map((record) => deleteEndpoint(record.id)),
  ).catch((error: unknown) => {
    context.emit({ kind: 'notice', message: `endpoints could not be erased: ${String(error)}` });
  });
};

/** See `Networks.detach`. */
export const detach = async (context: Context, containerId: string): Promise<void> => {
  const gone = endpointsOfContainer(context, containerId);
  if (gone.length === 0) return;
  for (const record of gone) forget(context, record);
  followLater(context, gone);
  eraseLater(context, gone);
  for (const record of gone) tell(context, record);
};
