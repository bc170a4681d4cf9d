import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import type { Transcript } from './transcript.ts';

const HUB_IMAGE = 'node:22-bookworm-slim';
const OWN_IMAGE = 'lade/debian-node:bookworm';
const PACKAGES = 'nodejs,npm,ca-certificates,procps';

export interface BaseImageOptions extends Pick<Transcript, 'lade' | 'note'> {
  /** Where the base archive is kept for the next run. */
  readonly cache: string;
}

const hubAnswers = async (): Promise<boolean> => {
  try {
    const response = await fetch('https://registry-1.docker.io/v2/', { signal: AbortSignal.timeout(3_000) });
    return response.status === 401 || response.ok;
  } catch {
    return false;
  }
};

/** Makes the archive of a small Debian with Node and npm from Debian packages, by the host's own package sources. */
const makeArchive = (archive: string): void => {
  const part = `${archive}.part.tar`;
  const result = spawnSync(
    'mmdebstrap',
    ['--quiet', '--variant=minbase', `--include=${PACKAGES}`, 'bookworm', part],
    { stdio: ['ignore', 'inherit', 'inherit'] },
  );
  if (result.status !== 0) throw new Error(`mmdebstrap ended with ${result.status}`);
  renameSync(part, archive);
};

/** The name of an image with Debian, Node and npm: pulled from Docker Hub where it answers in 3 s, else made here. */
export const baseImage = async ({ lade, note, cache }: BaseImageOptions): Promise<string> => {
  if (await hubAnswers()) {
    lade(['pull', HUB_IMAGE]);
    return HUB_IMAGE;
  }
  const archive = join(cache, 'debian-node.tar');
  if (existsSync(archive)) {
    note('Docker Hub does not answer; the Debian base made by the last run is used again');
  } else {
    note(
      'Docker Hub does not answer; a Debian base with Node and npm is made from Debian packages (about 40 s)',
    );
    mkdirSync(cache, { recursive: true });
    makeArchive(archive);
  }
  lade(['import', '-m', 'Debian 12 with Node and npm, by mmdebstrap', archive, OWN_IMAGE]);
  return OWN_IMAGE;
};
