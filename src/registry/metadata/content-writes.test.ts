import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseDigest } from '#oci';
import { expect, test } from 'vitest';
import { openMetadata } from './metadata.ts';

const [BLOB, MANIFEST] = ['a', 'b'].map((hex) => parseDigest(`sha256:${hex.repeat(64)}`));

test('a blob stays linked when its deletion meets the push of a manifest that needs it', async () => {
  if (BLOB === undefined || MANIFEST === undefined) throw new Error('two digests');
  const root = await mkdtemp(join(tmpdir(), 'lade-metadata-'));
  try {
    await using metadata = await openMetadata(join(root, 'registry.db'));
    const { contents } = metadata;
    const [repository, cause] = ['team/app', { actor: 'test' }];
    await contents.linkBlob({ repository, digest: BLOB, size: 1, how: 'push', cause });
    const facts = {
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      artifactType: undefined,
      subject: undefined,
      annotations: undefined,
      blobs: [BLOB],
      optionalBlobs: [],
      manifests: [],
    };
    const put = { repository, digest: MANIFEST, bytes: Buffer.from('{}'), facts, tags: ['v1'], cause };
    const [, unlinked] = await Promise.all([
      contents.putManifest(put),
      contents.unlinkBlob({ repository, target: BLOB, cause }),
    ]);
    expect(unlinked).toBe(false);
    expect(contents.linkedBlob(repository, BLOB)).toEqual({ size: 1 });
  } finally {
    await rm(root, { recursive: true, force: true });
  }
});
