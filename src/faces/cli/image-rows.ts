import type { ImageSummaryAnswer } from '#api';
import { goTime, humanSize, shortId, type Row } from '#console';
import { humanDuration } from '#units';
import { familiarName, splitReference } from './image-names.ts';

export const IMAGE_TABLE = 'table {{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}';
export const IMAGE_DIGEST_TABLE =
  'table {{.Repository}}\t{{.Tag}}\t{{.Digest}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}';

export const IMAGE_HEADINGS = {
  ID: 'IMAGE ID',
  Repository: 'REPOSITORY',
  Tag: 'TAG',
  Digest: 'DIGEST',
  CreatedSince: 'CREATED',
  CreatedAt: 'CREATED AT',
  Size: 'SIZE',
  Containers: 'CONTAINERS',
  VirtualSize: 'VIRTUAL SIZE',
  SharedSize: 'SHARED SIZE',
  UniqueSize: 'UNIQUE SIZE',
};

export interface ImageName {
  readonly repository: string;
  readonly tag: string;
  readonly digest: string;
}

const NONE = '<none>';

const byRepository = (references: readonly string[], part: 'tag' | 'digest'): Map<string, string[]> => {
  const found = new Map<string, string[]>();
  for (const reference of references) {
    const parts = splitReference(reference);
    const name = familiarName(parts.name);
    if (parts.name !== NONE && parts[part] !== '') found.set(name, [...(found.get(name) ?? []), parts[part]]);
  }
  return found;
};

export interface NameOptions {
  /** Tags are shown with their digests. */
  readonly digests: boolean;
  /** A name that has only digests gets a line for each of them. */
  readonly everyDigest: boolean;
}

/** The lines that one image gets: one for each tag (and digest, where digests are shown). */
export const namesOf = (
  image: ImageSummaryAnswer,
  { digests, everyDigest }: NameOptions,
): readonly ImageName[] => {
  const tags = byRepository(image.RepoTags, 'tag');
  const digestsOf = byRepository(image.RepoDigests, 'digest');
  const names: ImageName[] = [];
  for (const [repository, list] of tags) {
    const own = digests ? (digestsOf.get(repository) ?? []) : [];
    digestsOf.delete(repository);
    for (const tag of list)
      names.push(...(own.length === 0 ? [NONE] : own).map((digest) => ({ repository, tag, digest })));
  }
  for (const [repository, list] of digestsOf) {
    const shown = everyDigest ? list : [''];
    names.push(...shown.map((digest) => ({ repository, tag: NONE, digest })));
  }
  return names.length === 0 ? [{ repository: NONE, tag: NONE, digest: NONE }] : names;
};

const bytesOr = (value: number, unknown: boolean): string => (unknown ? 'N/A' : humanSize(value));

/** An image as `images` shows it; the keys are those of docker's `{{json .}}`. */
export const imageRow = (image: ImageSummaryAnswer, name: ImageName, truncate: boolean): Row => ({
  Containers: image.Containers === -1 ? 'N/A' : String(image.Containers),
  // The first name of a time zone takes as long as the rest of a list.
  get CreatedAt() {
    return goTime(image.Created);
  },
  CreatedSince: `${humanDuration(Date.now() - image.Created * 1000)} ago`,
  Digest: name.digest,
  ID: truncate ? shortId(image.Id) : image.Id,
  Repository: name.repository,
  SharedSize: bytesOr(image.SharedSize, image.SharedSize === -1),
  Size: humanSize(image.Size, 3),
  Tag: name.tag,
  UniqueSize: bytesOr(image.UniqueSize ?? image.Size - image.SharedSize, image.SharedSize === -1),
  VirtualSize: humanSize(image.VirtualSize ?? image.Size),
});
