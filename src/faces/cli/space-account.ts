import type { SpaceAccount, SpaceAnswer, SpaceKind } from '#api';
import { formatRows, humanSize, shortId, visible } from '#console';

const WORDS: Readonly<Record<SpaceKind, string>> = {
  images: 'Images: unpacked layers',
  containers: 'Containers',
  volumes: 'Volumes',
  'build-cache': 'Build cache',
  transferred: 'Images: as transferred',
  undo: 'Held for undo',
  partial: 'Partial transfers',
  database: 'Database and directories',
  removed: 'Being deleted',
  quarantine: 'Quarantine',
  orphaned: 'Orphaned',
};

const MEANING: Readonly<Record<SpaceKind, string>> = {
  images: 'prune: lade image prune',
  containers: 'prune: lade container prune',
  volumes: 'prune: lade volume prune',
  'build-cache': 'prune: lade builder prune',
  transferred: 'goes first when gc.budget is set; a registry has it, or it is made again',
  undo: 'free at once: lade system prune --purge',
  partial: 'goes on with the next pull',
  database: '',
  removed: 'free in a moment',
  quarantine: 'see lade system check',
  orphaned: 'see lade system check',
};

/** What each byte is held by; the lines add up to what du says of the root. */
export const accountTable = (account: SpaceAccount, terminal: boolean): string => {
  const rows = [
    ...account.lines.map(({ kind, bytes }) => ({
      What: WORDS[kind],
      Size: humanSize(bytes),
      Bytes: String(bytes),
      How: MEANING[kind],
    })),
    { What: 'Total', Size: humanSize(account.total), Bytes: String(account.total), How: '' },
  ];
  const headings = { What: 'HELD BY', Size: 'SIZE', Bytes: 'BYTES', How: 'TO FREE' };
  return formatRows(rows, {
    format: 'table {{.What}}\t{{.Size}}\t{{.Bytes}}\t{{.How}}',
    headings,
    terminal,
  });
};

/** Allocated bytes of each image: what removing it would free is its unique size. */
export const imageSpaceTable = ({ images }: SpaceAccount, terminal: boolean): string => {
  const rows = images.map((image) => ({
    Image: visible(image.tags[0] ?? '<none>'),
    ID: shortId(image.id),
    Total: humanSize(image.total),
    Shared: humanSize(image.shared),
    Unique: humanSize(image.unique),
    Transferred: humanSize(image.transferred),
    Containers: String(image.containers),
  }));
  const headings = {
    Image: 'IMAGE',
    ID: 'IMAGE ID',
    Total: 'ON DISK',
    Shared: 'SHARED',
    Unique: 'UNIQUE',
    Transferred: 'OF IT TRANSFERRED',
    Containers: 'CONTAINERS',
  };
  const format =
    'table {{.Image}}\t{{.ID}}\t{{.Total}}\t{{.Shared}}\t{{.Unique}}\t{{.Transferred}}\t{{.Containers}}';
  return formatRows(rows, { format, headings, terminal });
};

/** Lines after docker's table: what Lade keeps beside it, and how full the budget is. */
export const keptLines = ({ transferred, undo, budget }: SpaceAnswer): string => {
  const entries = undo.count === 1 ? '1 deletion' : `${undo.count} deletions`;
  return [
    `\nTransferred blobs: ${humanSize(transferred.bytes)}\n`,
    `Held for undo:     ${humanSize(undo.bytes)} (${entries})\n`,
    budget === undefined
      ? ''
      : `Budget:            ${humanSize(budget.used)} of ${humanSize(budget.limit)} (${Math.round((budget.used * 100) / budget.limit)}%)\n`,
  ].join('');
};
