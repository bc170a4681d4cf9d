import { openPorts } from './attach.ts';
import { dropBridge, ensureBridge } from './bridges.ts';
import { endpointsOf, endpointsOfContainer, type Context } from './context.ts';
import { exactRequests } from './publish.ts';
import { detach } from './leave.ts';
import type { EndpointRecord } from './records.ts';
import type { SweepReport } from './types.ts';

/** Takes a running container's ports again; another program may have taken one meanwhile. */
const restorePorts = async (context: Context, record: EndpointRecord): Promise<void> => {
  if (context.publications.has(record.id) || record.ports.length === 0) return;
  try {
    await openPorts(context, { ...record, requested: exactRequests(record.ports) });
  } catch (error) {
    context.endpoints.set(record.id, record);
    const message = `a published port of ${record.containerName} could not be taken again: ${String(error)}`;
    context.emit({ kind: 'notice', message });
  }
};

/** See `Networks.sweep`. */
export const sweep = async (context: Context, running: ReadonlySet<string>): Promise<SweepReport> => {
  const recorded = [...context.endpoints.values()].map((endpoint) => endpoint.containerId);
  const gone = [...new Set([...recorded, ...context.namespaces.list()])].filter((id) => !running.has(id));
  for (const id of gone) {
    await detach(context, id);
    context.namespaces.remove(id);
  }
  for (const network of context.networks.values())
    if (network.driver === 'bridge' && endpointsOf(context, network.id).length > 0)
      await ensureBridge(context, network.id);
  for (const id of running)
    for (const record of endpointsOfContainer(context, id)) await restorePorts(context, record);
  await context.resolver.update();
  return { containers: gone };
};

/** See `Networks.cleanup`. */
export const cleanup = async (context: Context): Promise<void> => {
  const unused = [...context.networks.values()].filter(
    (network) => network.driver === 'bridge' && endpointsOf(context, network.id).length === 0,
  );
  await Promise.all([...context.making.values()].map((making) => making.catch(() => undefined)));
  const dropped = await Promise.all(unused.map((network) => dropBridge(context, network)));
  if (dropped.includes(true)) await Promise.all([context.firewall.apply(), context.firewall.passForward()]);
  await Promise.all([context.firewall.settled(), context.resolver.update()]);
};
