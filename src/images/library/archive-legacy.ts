import * as z from 'zod/mini';
import { asImageId, parseImageConfig, sha256Of, type DiffId } from '#oci';
import type { ArchiveEntries } from './archive-entries.ts';
import type { ListedImage } from './archive-images.ts';
import { archivedTag } from './archive-names.ts';
import { libraryErrors } from './errors.ts';

const MOST_LAYERS = 4096;

const repositoriesFile = z.record(z.string(), z.record(z.string(), z.string()));

/** What is read of the `json` of one layer; the rest becomes the configuration as it is. */
const layerFile = z.looseObject({
  parent: z.optional(z.string()),
  created: z.optional(z.string()),
  author: z.optional(z.string()),
  comment: z.optional(z.string()),
  container_config: z.optional(z.looseObject({ Cmd: z.nullish(z.array(z.string())) })),
});

type LayerFile = z.infer<typeof layerFile>;

interface LegacyLayer {
  readonly id: string;
  readonly file: LayerFile;
  readonly diffId: DiffId;
}

const parse = <T>(schema: { parse(value: unknown): T }, bytes: Buffer, path: string): T => {
  try {
    return schema.parse(JSON.parse(bytes.toString()));
  } catch (error) {
    throw libraryErrors.archiveUnreadable({ reason: `its ${path} has another form` }, error);
  }
};

const layerOf = (entries: ArchiveEntries, id: string): LegacyLayer => {
  const json = entries.get(`${id}/json`);
  const tar = entries.get(`${id}/layer.tar`);
  if (json?.kind !== 'document') throw libraryErrors.archiveIncomplete({ path: `${id}/json` });
  if (tar?.kind !== 'layer') throw libraryErrors.archiveIncomplete({ path: `${id}/layer.tar` });
  return { id, file: parse(layerFile, json.bytes, `${id}/json`), diffId: tar.diffId };
};

/** The layers below an ID, lowest first, that one included. */
const chainOf = (entries: ArchiveEntries, top: string): readonly LegacyLayer[] => {
  const chain: LegacyLayer[] = [];
  for (let id: string | undefined = top; id !== undefined && id !== '';) {
    if (chain.length > MOST_LAYERS)
      throw libraryErrors.archiveUnreadable({ reason: 'its layers have no end' });
    const layer = layerOf(entries, id);
    chain.unshift(layer);
    id = layer.file.parent;
  }
  return chain;
};

/** JSON as Go writes it: keys in order, and three characters that HTML would mind escaped. */
const goJson = (value: Readonly<Record<string, unknown>>): Buffer => {
  const sorted = Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  const escapes = {
    '<': '\\u003c',
    '>': '\\u003e',
    '&': '\\u0026',
    '\u2028': '\\u2028',
    '\u2029': '\\u2029',
  };
  const text = JSON.stringify(sorted);
  return Buffer.from(text.replaceAll(/[<>&\u2028\u2029]/g, (char) => escapes[char as keyof typeof escapes]));
};

const defined = (value: object): object =>
  Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined && field !== ''));

const historyOf = ({ file }: LegacyLayer): object =>
  defined({
    created: file.created,
    author: file.author,
    created_by: file.container_config?.Cmd?.join(' '),
    comment: file.comment,
  });

/** Fields of a layer's file that a configuration does not have. */
const LEFT_OUT = new Set(['id', 'parent', 'Size', 'parent_id', 'layer_id', 'throwaway']);

/** The configuration that Docker makes of the uppermost layer's file when it migrates an image. */
const configOf = (chain: readonly LegacyLayer[]): Buffer => {
  const kept = Object.entries(chain.at(-1)?.file ?? {}).filter(([key]) => !LEFT_OUT.has(key));
  return goJson({
    ...Object.fromEntries(kept),
    rootfs: { type: 'layers', diff_ids: chain.map((layer) => layer.diffId) },
    history: chain.map(historyOf),
  });
};

const imageOf = (entries: ArchiveEntries, top: string, tags: readonly string[]): ListedImage => {
  const chain = chainOf(entries, top);
  const config = configOf(chain);
  const layers = chain.map((layer) => `${layer.id}/layer.tar`);
  return { id: asImageId(sha256Of(config)), config, parsed: parseImageConfig(config), layers, tags };
};

/** The images of an archive by Docker before 1.10, which has `repositories` and a folder for each layer. */
export const legacyImages = (entries: ArchiveEntries): readonly ListedImage[] => {
  const file = entries.get('repositories');
  if (file?.kind !== 'document') return [];
  const named = Object.entries(parse(repositoriesFile, file.bytes, 'repositories')).flatMap(([name, tags]) =>
    Object.entries(tags).map(([tag, id]) => ({ id, tag: archivedTag(`${name}:${tag}`) })),
  );
  return [...Map.groupBy(named, ({ id }) => id)].map(([id, same]) =>
    imageOf(
      entries,
      id,
      same.map(({ tag }) => tag),
    ),
  );
};
