import { isLadeError } from '#errors';
import type { ImageId } from '#oci';
import type { Container } from './container.ts';
import type { EngineContext } from './context.ts';
import { engineErrors } from './errors.ts';
import { anyOf, checkFilters, hasLabels } from './filters.ts';
import { mountPoint, sizesOf } from './inspect.ts';
import { commandOf } from './merge-config.ts';
import { networksInspect, portSummaries } from './network-settings.ts';
import { isLive, statusWord, type ContainerRecord } from './record.ts';
import { statusText } from './status-text.ts';
import type { Filters, ListOptions } from './types.ts';
import type { ContainerSummary } from './wire-types.ts';

const FILTERS = [
  'ancestor',
  'before',
  'exited',
  'expose',
  'health',
  'id',
  'is-task',
  'isolation',
  'label',
  'name',
  'network',
  'publish',
  'since',
  'status',
  'volume',
];

const STATUSES: ReadonlySet<string> = new Set([
  'created',
  'restarting',
  'running',
  'removing',
  'paused',
  'exited',
  'dead',
]);

const pattern = (text: string): RegExp => {
  try {
    return new RegExp(text);
  } catch {
    throw engineErrors.invalidFilter({ name: `name=${text}` });
  }
};

/** Images by which a container can be found: its own, and those with its layers as their beginning are not. */
const ancestorId = async (context: EngineContext, name: string): Promise<ImageId | undefined> => {
  try {
    return (await context.library.resolve(name)).id;
  } catch (error) {
    if (isLadeError(error, 'not-found') || isLadeError(error, 'invalid-argument')) return undefined;
    throw error;
  }
};

/** `80`, `80/udp`, `8000-8010/tcp`. */
const portMatches = (text: string, port: number, type: string): boolean => {
  const [range = '', protocol = 'tcp'] = text.split('/');
  const [first = '', last = first] = range.split('-');
  return protocol === type && port >= Number(first) && port <= Number(last);
};

const matchesState = (record: ContainerRecord, filters: Filters): boolean =>
  anyOf(filters['status'], (status) => statusWord(record) === status) &&
  anyOf(
    filters['exited'],
    (code) => record.state.kind === 'exited' && record.state.exitCode === Number(code),
  ) &&
  anyOf(filters['health'], (health) => (record.health?.Status ?? 'none') === health) &&
  anyOf(filters['is-task'], (text) => ['0', 'false'].includes(text));

const matchesNames = (record: ContainerRecord, filters: Filters): boolean =>
  anyOf(filters['id'], (id) => record.id.startsWith(id)) &&
  anyOf(
    filters['name'],
    (text) => pattern(text).test(`/${record.name}`) || pattern(text).test(record.name),
  ) &&
  hasLabels(record.config.Labels, filters['label']) &&
  anyOf(filters['volume'], (text) =>
    record.mounts.some((mount) => mount.target === text || (mount.kind === 'volume' && mount.name === text)),
  );

const matchesNetwork = (context: EngineContext, record: ContainerRecord, filters: Filters): boolean =>
  anyOf(filters['network'], (text) =>
    Object.entries(networksInspect(context, record)).some(
      ([name, { NetworkID: id }]) => name === text || (id !== '' && id.startsWith(text)),
    ),
  ) &&
  anyOf(filters['publish'], (text) =>
    portSummaries(context, record).some(
      ({ PublicPort: port, Type: type }) => port !== undefined && portMatches(text, port, type),
    ),
  ) &&
  anyOf(filters['expose'], (text) =>
    Object.keys(record.config.ExposedPorts ?? {}).some((key) => {
      const [port = '', type = 'tcp'] = key.split('/');
      return portMatches(text, Number(port), type);
    }),
  );

const checkValues = (filters: Filters): void => {
  checkFilters(filters, FILTERS);
  const odd = (filters['status'] ?? []).find((status) => !STATUSES.has(status));
  if (odd !== undefined) throw engineErrors.invalidFilter({ name: `status=${odd}` });
};

/** Docker's form: arguments with a blank are quoted. */
const shownCommand = ({ config }: ContainerRecord): string =>
  commandOf(config)
    .map((part, index) => (index > 0 && part.includes(' ') ? `'${part}'` : part))
    .join(' ');

/** The image as it was named, unless that name is another image's by now, or nobody's. */
const shownImage = async (context: EngineContext, record: ContainerRecord): Promise<string> =>
  (await ancestorId(context, record.imageName)) === record.imageId ? record.imageName : record.imageId;

const summary = async (
  context: EngineContext,
  record: ContainerRecord,
  size: boolean,
): Promise<ContainerSummary> => ({
  Id: record.id,
  Names: [`/${record.name}`],
  Image: await shownImage(context, record),
  ImageID: record.imageId,
  Command: shownCommand(record),
  Created: Math.floor(Date.parse(record.created) / 1000),
  Ports: portSummaries(context, record),
  ...(size ? await sizesOf(context, record) : {}),
  Labels: record.config.Labels ?? {},
  State: statusWord(record),
  Status: statusText(record),
  HostConfig: { NetworkMode: record.hostConfig.NetworkMode ?? 'bridge' },
  NetworkSettings: { Networks: networksInspect(context, record) },
  Mounts: record.mounts.map(mountPoint),
});

const newestFirst = (a: Container, b: Container): number => {
  const [first, second] = [a.record.created, b.record.created];
  return first === second ? 0 : first < second ? 1 : -1;
};

/** Docker's rule: by default only what runs; some filters look at all. */
const includesStopped = (options: ListOptions): boolean =>
  options.all === true ||
  (options.limit ?? 0) > 0 ||
  ['status', 'exited', 'before', 'since'].some((key) => (options.filters?.[key] ?? []).length > 0);

/** Where a listed container begins or ends for `before` and `since`. */
const bounds = (context: EngineContext, names: readonly string[] | undefined): readonly string[] =>
  (names ?? []).map((name) => context.containers.find(name).record.created);

/** GET /containers/json, newest first. */
export const list = async (
  context: EngineContext,
  options: ListOptions = {},
): Promise<readonly ContainerSummary[]> => {
  const filters = options.filters ?? {};
  checkValues(filters);
  const ancestors = await Promise.all((filters['ancestor'] ?? []).map((name) => ancestorId(context, name)));
  const before = bounds(context, filters['before']);
  const since = bounds(context, filters['since']);
  const found = context.containers
    .list()
    .filter(({ record }) => includesStopped(options) || isLive(record) || statusWord(record) === 'restarting')
    .filter(({ record }) => ancestors.length === 0 || ancestors.includes(record.imageId))
    .filter(({ record }) => before.every((time) => record.created < time))
    .filter(({ record }) => since.every((time) => record.created > time))
    .filter(
      ({ record }) =>
        matchesState(record, filters) &&
        matchesNames(record, filters) &&
        matchesNetwork(context, record, filters),
    )
    .toSorted(newestFirst);
  const limited = (options.limit ?? 0) > 0 ? found.slice(0, options.limit) : found;
  return Promise.all(limited.map(({ record }) => summary(context, record, options.size ?? false)));
};
