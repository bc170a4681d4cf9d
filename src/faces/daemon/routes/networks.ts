import { Hono, type Context } from 'hono';
import { checkFilters, type Body, type Filters } from '#api';
import type { CreateNetwork, Network } from '#network';
import { daemonErrors } from '../errors.ts';
import { hasLabel, NETWORK_FILTERS, networkAnswer, networkMatches } from '../network-view.ts';
import { body, filtersOf, flag, instantOf, param } from '../request.ts';
import type { DaemonParts } from '../types.ts';

const list = (c: Context, { networks }: DaemonParts): Response => {
  const filters = checkFilters(filtersOf(c), NETWORK_FILTERS);
  const found = networks.list().filter((network) => networkMatches(network, filters));
  return c.json(found.map((network) => networkAnswer(network, false)));
};

const toRequest = (config: Body<'networkCreate'>): CreateNetwork => {
  if (config.ConfigOnly === true || config.Ingress === true)
    throw daemonErrors.optionUnsupported({ option: 'ConfigOnly or Ingress', reason: 'it belongs to swarm' });
  return {
    name: config.Name,
    driver: config.Driver === '' ? undefined : config.Driver,
    internal: config.Internal,
    attachable: config.Attachable,
    enableIPv6: config.EnableIPv6 ?? undefined,
    ipam: (config.IPAM?.Config ?? []).map((range) => ({
      ...(range.Subnet === undefined || range.Subnet === '' ? {} : { subnet: range.Subnet }),
      ...(range.Gateway === undefined || range.Gateway === '' ? {} : { gateway: range.Gateway }),
      ...(range.IPRange === undefined || range.IPRange === '' ? {} : { ipRange: range.IPRange }),
      ...(range.AuxiliaryAddresses == null ? {} : { auxiliaryAddresses: range.AuxiliaryAddresses }),
    })),
    options: config.Options ?? undefined,
    labels: config.Labels ?? undefined,
  };
};

const create = async (c: Context, { networks }: DaemonParts): Promise<Response> => {
  const network = await networks.create(toRequest(await body(c, 'networkCreate')));
  return c.json({ Id: network.id, Warning: '' }, 201);
};

const pruneTest = (filters: Filters): ((network: Network) => boolean) => {
  const until = instantOf('until', filters['until']?.[0]);
  return (network) =>
    (until === undefined || network.created.getTime() < until) &&
    (filters['label'] ?? []).every((label) => hasLabel(network.labels, label)) &&
    !(filters['label!'] ?? []).some((label) => hasLabel(network.labels, label));
};

const prune = async (c: Context, { networks }: DaemonParts): Promise<Response> => {
  const filters = checkFilters(filtersOf(c), ['until', 'label', 'label!']);
  const removed = await networks.prune(pruneTest(filters));
  return c.json({ NetworksDeleted: removed.length === 0 ? null : removed.map((network) => network.name) });
};

/** Networks and who is on them. */
export const networkRoutes = (parts: DaemonParts): Hono => {
  const { networks, engine } = parts;
  const app = new Hono();
  app.get('/networks', (c) => list(c, parts));
  app.post('/networks/create', (c) => create(c, parts));
  app.post('/networks/prune', (c) => prune(c, parts));
  app.get('/networks/:id', (c) => c.json(networkAnswer(networks.inspect(param(c, 'id')), !flag(c, 'brief'))));
  app.delete('/networks/:id', async (c) => {
    await networks.remove(param(c, 'id'));
    return c.body(null, 204);
  });
  app.post('/networks/:id/connect', async (c) => {
    const { Container, EndpointConfig } = await body(c, 'networkConnect');
    await engine.containers.connectNetwork(Container, param(c, 'id'), EndpointConfig ?? undefined);
    return c.body(null, 200);
  });
  app.post('/networks/:id/disconnect', async (c) => {
    const { Container, Force } = await body(c, 'networkDisconnect');
    await engine.containers.disconnectNetwork(Container, param(c, 'id'), Force);
    return c.body(null, 200);
  });
  return app;
};
