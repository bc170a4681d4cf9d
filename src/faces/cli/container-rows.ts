import type { ContainerSummary } from '#api';
import { ellipsis, goQuote, goTime, humanSize, shortId, type Row } from '#console';
import { humanDuration } from '#units';
import { familiarName, splitReference } from './image-names.ts';
import { formatPorts } from './ports.ts';
import { joinLabels } from './text-lists.ts';

export const CONTAINER_TABLE =
  'table {{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}';

export const CONTAINER_HEADINGS = {
  ID: 'CONTAINER ID',
  Names: 'NAMES',
  Image: 'IMAGE',
  Command: 'COMMAND',
  CreatedAt: 'CREATED AT',
  RunningFor: 'CREATED',
  Ports: 'PORTS',
  State: 'STATE',
  Status: 'STATUS',
  Size: 'SIZE',
  Labels: 'LABELS',
  Mounts: 'MOUNTS',
  LocalVolumes: 'LOCAL VOLUMES',
  Networks: 'NETWORKS',
  Platform: 'PLATFORM',
};

const namesOf = (names: readonly string[], truncate: boolean): string => {
  const plain = names.map((name) => name.replace(/^\//, ''));
  return truncate ? (plain.find((name) => !name.includes('/')) ?? '') : plain.join(',');
};

const imageOf = (container: ContainerSummary, truncate: boolean): string => {
  if (container.Image === '') return '<no image>';
  if (!truncate) return container.Image;
  const short = shortId(container.ImageID);
  if (short === shortId(container.Image)) return short;
  const { name, tag } = splitReference(container.Image);
  return tag === '' ? familiarName(name) : `${familiarName(name)}:${tag}`;
};

const sizeOf = (container: ContainerSummary): string => {
  const own = humanSize(container.SizeRw ?? 0, 3);
  const all = container.SizeRootFs ?? 0;
  return all > 0 ? `${own} (virtual ${humanSize(all, 3)})` : own;
};

const mountsOf = (container: ContainerSummary, truncate: boolean): string =>
  container.Mounts.map((mount) => mount.Name || mount.Source)
    .map((name) => (truncate ? ellipsis(name, 15) : name))
    .join(',');

/** A container as `ps` shows it; the keys are those of docker's `{{json .}}`. */
export const containerRow = (container: ContainerSummary, truncate: boolean): Row => ({
  Command: goQuote(truncate ? ellipsis(container.Command, 20) : container.Command),
  CreatedAt: goTime(container.Created),
  ID: truncate ? shortId(container.Id) : container.Id,
  Image: imageOf(container, truncate),
  Label: (name: unknown) => container.Labels[String(name)] ?? '',
  Labels: joinLabels(container.Labels),
  LocalVolumes: String(container.Mounts.filter((mount) => mount.Driver === 'local').length),
  Mounts: mountsOf(container, truncate),
  Names: namesOf(container.Names, truncate),
  Networks: Object.keys(container.NetworkSettings.Networks).join(','),
  Platform: null,
  Ports: formatPorts(container.Ports),
  RunningFor: `${humanDuration(Date.now() - container.Created * 1000)} ago`,
  Size: sizeOf(container),
  State: container.State,
  Status: container.Status,
});
