import type { ImageSummaryAnswer } from '#api';
import { alignColumns, humanSize, shortId, visible } from '#console';

type Manifest = NonNullable<ImageSummaryAnswer['Manifests']>[number];

const HEADING = ['IMAGE', 'ID', 'DISK USAGE', 'CONTENT SIZE', 'SHARED SIZE', 'UNIQUE SIZE', 'EXTRA'];

const bytes = (value: number | undefined): string =>
  value === undefined || value < 0 ? '' : humanSize(value, 3);

const platformOf = ({ ImageData }: Manifest): string => {
  const { os, architecture, variant } = ImageData?.Platform ?? {};
  return [os, architecture, variant].filter((part) => typeof part === 'string' && part !== '').join('/');
};

const isUsed = ({ ImageData }: Manifest): boolean => (ImageData?.Containers.length ?? 0) > 0;

/** Platforms of an image; what an index names but was not pulled has no sizes. */
const platformLines = (
  manifests: readonly Manifest[],
  idOf: (id: string) => string,
): readonly (readonly string[])[] =>
  manifests.map((manifest, index) => [
    `${index === manifests.length - 1 ? '└─' : '├─'} ${platformOf(manifest)}`,
    idOf(manifest.ID),
    manifest.Available ? bytes(manifest.Size.Total) : '-',
    manifest.Available ? bytes(manifest.Size.Content) : '-',
    '',
    '',
    isUsed(manifest) ? 'U' : '',
  ]);

const imageLines = (
  image: ImageSummaryAnswer,
  idOf: (id: string) => string,
): readonly (readonly string[])[] => {
  const platforms = (image.Manifests ?? []).filter(({ Kind }) => Kind === 'image');
  const [first = '<untagged>', ...names] = image.RepoTags.toSorted();
  const content = platforms.reduce((sum, { Size }) => sum + Size.Content, 0);
  const used = image.Containers > 0 || platforms.some(isUsed);
  const sizes = [image.Size, content, image.SharedSize, image.UniqueSize].map(bytes);
  return [
    [first, idOf(image.Id), ...sizes, used ? 'U' : ''],
    ...names.map((name) => [name]),
    ...platformLines(platforms, idOf),
  ];
};

export interface ImageTreeOptions {
  readonly truncate: boolean;
  /** Names are shown so that they cannot steer a terminal. */
  readonly terminal: boolean;
}

/** Images with their platforms, as docker's `--tree` shows them, and what they share and have alone. `U`: in use. */
export const imageTree = (
  images: readonly ImageSummaryAnswer[],
  { truncate, terminal }: ImageTreeOptions,
): string => {
  const idOf = (id: string): string => (truncate ? shortId(id) : id);
  const blocks = images.map((image) => imageLines(image, idOf));
  // A line of fewer cells would end the columns above it.
  const full = (cells: readonly string[]): string =>
    HEADING.map((_, index) => cells[index] ?? '')
      .map((cell) => (terminal ? visible(cell) : cell))
      .join('\t');
  const lines = [HEADING, ...blocks.flatMap((block) => [[], ...block])].map(full);
  const table = alignColumns(lines.join('\n'));
  return `${table
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n')}\n`;
};
