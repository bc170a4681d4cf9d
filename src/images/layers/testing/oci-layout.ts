import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { sha256 } from '../testing.ts';

const put = (layout: string, bytes: Buffer): { digest: string; size: number } => {
  const hex = sha256(bytes);
  writeFileSync(join(layout, 'blobs', 'sha256', hex), bytes);
  return { digest: `sha256:${hex}`, size: bytes.length };
};

const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

/** Writes an image of these layer tars as an OCI layout tagged `test`. */
export const writeOciLayout = (layout: string, tars: readonly Buffer[]): void => {
  mkdirSync(join(layout, 'blobs', 'sha256'), { recursive: true });
  const layers = tars.map((tar) => ({
    mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip',
    ...put(layout, gzipSync(tar, { level: 1 })),
  }));
  const config = put(
    layout,
    json({
      architecture: 'amd64',
      os: 'linux',
      config: {},
      rootfs: { type: 'layers', diff_ids: tars.map((tar) => `sha256:${sha256(tar)}`) },
      history: tars.map(() => ({ created_by: 'test' })),
    }),
  );
  const manifest = put(
    layout,
    json({
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      config: { mediaType: 'application/vnd.oci.image.config.v1+json', ...config },
      layers,
    }),
  );
  const annotations = { 'org.opencontainers.image.ref.name': 'test' };
  const mediaType = 'application/vnd.oci.image.manifest.v1+json';
  writeFileSync(join(layout, 'oci-layout'), json({ imageLayoutVersion: '1.0.0' }));
  writeFileSync(
    join(layout, 'index.json'),
    json({ schemaVersion: 2, manifests: [{ mediaType, ...manifest, annotations }] }),
  );
};

/** Unpacks it with umoci and returns the path of the root. */
export const umociUnpack = (layout: string, bundle: string): string => {
  execFileSync('umoci', ['unpack', '--image', `${layout}:test`, bundle], { stdio: 'pipe' });
  return join(bundle, 'rootfs');
};
