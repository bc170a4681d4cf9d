import { expect, test } from 'vitest';
import type { ImageSummaryAnswer } from '#api';
import { sha256Of, type ImageId } from '#oci';
import { imageTree } from './image-tree.ts';

const id = sha256Of('image') as ImageId;
const platform = (architecture: string, available: boolean, containers: readonly string[] = []) => ({
  ID: sha256Of(architecture),
  Descriptor: {},
  Available: available,
  Size: { Content: 1_000, Total: 3_000 },
  Kind: 'image' as const,
  ImageData: {
    Platform: { os: 'linux', architecture, ...(architecture === 'arm' ? { variant: 'v7' } : {}) },
    Size: { Unpacked: 2_000 },
    Containers: containers,
  },
});
const image: ImageSummaryAnswer = {
  Id: id,
  ParentId: '',
  RepoTags: ['shop:2', 'shop:1'],
  RepoDigests: [],
  Created: 0,
  Size: 2_000,
  SharedSize: 500,
  UniqueSize: 2_500,
  Labels: {},
  Containers: 0,
  Manifests: [
    platform('amd64', true, ['c']),
    platform('arm', false),
    {
      ID: sha256Of('x'),
      Descriptor: {},
      Available: true,
      Size: { Content: 1, Total: 1 },
      Kind: 'attestation',
      AttestationData: { For: '' },
    },
  ],
};

test('an image with its names, its platforms, what it shares and what uses it', () => {
  const short = (digest: string): string => digest.slice(7, 19);
  const lines = imageTree([image], { truncate: true, terminal: false }).split('\n');
  expect(lines.map((line) => line.split(/ {3,}/))).toEqual([
    ['IMAGE', 'ID', 'DISK USAGE', 'CONTENT SIZE', 'SHARED SIZE', 'UNIQUE SIZE', 'EXTRA'],
    [''],
    ['shop:1', short(id), '2kB', '2kB', '500B', '2.5kB', 'U'],
    ['shop:2'],
    ['├─ linux/amd64', short(sha256Of('amd64')), '3kB', '1kB', 'U'],
    ['└─ linux/arm/v7', short(sha256Of('arm')), '-', '-'],
    [''],
  ]);
});

test('names cannot steer a terminal, an image without one is shown', () => {
  const evil = { ...image, RepoTags: ['\u001B[2J:1'], Manifests: [] };
  expect(imageTree([evil], { truncate: true, terminal: true })).not.toContain('\u001B');
  expect(imageTree([{ ...image, RepoTags: [] }], { truncate: false, terminal: false })).toContain(
    `<untagged>`,
  );
});
