import type { BuildDetails, BuildSummary } from '#api';
import type { DockerClient } from '#client';
import { goTime, type Row } from '#console';
import { familiarString, parseReference } from '#oci';
import { humanDuration } from '#units';

export const listBuilds = (client: DockerClient): Promise<readonly BuildSummary[]> =>
  client.json<readonly BuildSummary[]>({ method: 'GET', path: '/lade/v1/builds' });

export const inspectBuild = (client: DockerClient, build: string): Promise<BuildDetails> =>
  client.json<BuildDetails>({ method: 'GET', path: `/lade/v1/builds/${encodeURIComponent(build)}` });

export const HISTORY_HEADINGS = {
  ID: 'BUILD ID',
  Name: 'NAME',
  Status: 'STATUS',
  CreatedAt: 'CREATED AT',
  CreatedSince: 'CREATED',
  Duration: 'DURATION',
  Cached: 'CACHED',
  Context: 'CONTEXT',
  Dockerfile: 'DOCKERFILE',
  Target: 'TARGET',
  Platforms: 'PLATFORMS',
  Tags: 'TAGS',
  ImageID: 'IMAGE ID',
  Error: 'ERROR',
};

const shortName = (tag: string): string => {
  try {
    return familiarString(parseReference(tag));
  } catch {
    return tag;
  }
};

/** What a build is called in lists: its tag, else what was built. */
const nameOf = ({ tags, context, target }: BuildSummary): string => {
  const [tag] = tags;
  if (tag !== undefined) return shortName(tag);
  const folder = context.replace(/\/+$/u, '').split('/').at(-1) ?? '';
  return target === undefined ? folder : `${folder} (${target})`;
};

export const buildDuration = ({ startedAt, endedAt = Date.now() }: BuildSummary): string =>
  `${((endedAt - startedAt) / 1000).toFixed(1)}s`;

export const historyRow = (build: BuildSummary, truncate: boolean): Row => {
  const { counts, failure, imageId = '' } = build;
  const image = imageId.replace(/^sha256:/u, '');
  return {
    ID: build.id,
    Name: nameOf(build),
    Status: build.status,
    CreatedAt: goTime(build.startedAt / 1000),
    CreatedSince: `${humanDuration(Date.now() - build.startedAt)} ago`,
    Duration: buildDuration(build),
    Cached: `${counts.cached}/${counts.total}`,
    Context: build.context,
    Dockerfile: build.dockerfile,
    Target: build.target ?? '',
    Platforms: build.platforms.join(','),
    Tags: build.tags.join(','),
    ImageID: truncate ? image.slice(0, 12) : imageId,
    Error: failure?.message.split('\n', 1)[0] ?? '',
  };
};
