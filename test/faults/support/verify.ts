/** What must be true of a root whatever happened to its daemon. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { digestOf, hexOf } from './images.ts';
import type { Attempt } from './operations.ts';
import type { Site } from './site.ts';

/** A loss is a committed image that is not whole; a flaw is anything else that should not be. */
export interface Finding {
  readonly kind: 'loss' | 'flaw';
  readonly text: string;
}

const loss = (text: string): Finding => ({ kind: 'loss', text });
const flaw = (text: string): Finding => ({ kind: 'flaw', text });

const entriesOf = (...path: string[]): readonly string[] => {
  const directory = join(...path);
  return existsSync(directory) ? readdirSync(directory) : [];
};

/** Files whose names are digests of their content, judged without the daemon. */
const contentFindings = (root: string): readonly Finding[] => [
  ...entriesOf(root, 'blobs', 'sha256')
    .filter((name) => hexOf(readFileSync(join(root, 'blobs', 'sha256', name))) !== name)
    .map((name) => loss(`blobs/sha256/${name} has other content`)),
  ...entriesOf(root, 'layers').flatMap((name) => {
    if (!/^[0-9a-f]{64}$/.test(name)) return [flaw(`layers/${name} is left`)];
    const tar = join(root, 'layers', name, 'layer.tar');
    if (!existsSync(tar)) return [loss(`layers/${name} has no tar`)];
    return hexOf(readFileSync(tar)) === name ? [] : [loss(`layers/${name} has other content`)];
  }),
];

/** Everything that only work in progress makes. */
const leftovers = (site: Site, allowed: ReadonlySet<string>): readonly Finding[] => {
  const { root } = site.machine;
  return [
    ...entriesOf(root, 'ingest')
      .filter((name) => !allowed.has(name))
      .map((name) => flaw(`ingest/${name} is left`)),
    ...entriesOf(root, 'snapshots')
      .filter((name) => name !== site.container)
      .map((name) => flaw(`snapshots/${name} is left`)),
    ...entriesOf(root, 'builds').map((name) => flaw(`builds/${name} is left`)),
  ];
};

/** Mounts below the root that belong to no layer that is there. */
export const strayMounts = (root: string): readonly Finding[] =>
  readFileSync('/proc/self/mountinfo')
    .toString()
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .filter((target) => target.startsWith(`${root}/`))
    .filter((target) => {
      const [, folder, name = ''] = target.slice(root.length).split('/');
      if (folder === 'snapshots') return !existsSync(join(root, 'containers', name));
      return folder !== 'mounts' || !existsSync(join(root, 'layers', name));
    })
    .map((target) => flaw(`${target} is mounted`));

interface Listed {
  readonly Id: string;
  readonly RepoTags: readonly string[] | null;
}

const listImages = async (site: Site): Promise<readonly Listed[]> =>
  JSON.parse(
    (await site.must({ method: 'GET', path: '/images/json?all=1' })).toString(),
  ) as readonly Listed[];

/** The image behind a tag. */
export const idOf = async (site: Site, tag: string): Promise<string | undefined> =>
  (await listImages(site)).find(({ RepoTags }) => RepoTags?.includes(tag))?.Id;

const listingFindings = async (site: Site, attempt: Attempt): Promise<readonly Finding[]> => {
  const images = await listImages(site);
  const found = new Map(
    images.flatMap(({ Id, RepoTags }) => (RepoTags ?? []).map((tag) => [tag, Id] as const)),
  );
  const lost = [...site.committed].filter(([tag, id]) => found.get(tag) !== id);
  const expected = new Set([...site.committed.keys(), ...attempt.makes.keys(), ...attempt.removes]);
  const strange = [...found.keys()].filter((tag) => !expected.has(tag));
  return [
    ...lost.map(([tag, id]) => loss(`${tag} is ${found.get(tag) ?? 'gone'} instead of ${id}`)),
    ...strange.map((tag) => flaw(`${tag} exists`)),
  ];
};

/** `lade system check`. */
const checkFindings = async (site: Site): Promise<readonly Finding[]> => {
  const body = await site.must({ path: '/lade/v1/system/check', body: '{}', type: 'application/json' });
  const last = body.toString().trim().split('\n').at(-1) ?? '';
  const { report } = JSON.parse(last) as { report: { findings: readonly { message: string }[] } };
  return report.findings.map(({ message }) => loss(`system check: ${message}`));
};

const readTar = (archive: Buffer): ReadonlyMap<string, Buffer> => {
  const files = new Map<string, Buffer>();
  for (let at = 0; at + 512 <= archive.length && archive[at] !== 0;) {
    const name = archive.toString('utf8', at, at + 100).replace(/\0.*$/s, '');
    const size = Number.parseInt(archive.toString('utf8', at + 124, at + 135), 8);
    files.set(name, archive.subarray(at + 512, at + 512 + size));
    at += 512 + Math.ceil(size / 512) * 512;
  }
  return files;
};

const unpacked = (layer: Buffer): Buffer => (layer.readUInt16BE(0) === 0x1f8b ? gunzipSync(layer) : layer);

/** Saves an image and compares all that comes with its digests. */
export const savedFindings = async (site: Site, tag: string): Promise<readonly Finding[]> => {
  const id = site.committed.get(tag);
  const files = readTar(
    await site.must({ method: 'GET', path: `/images/get?names=${encodeURIComponent(tag)}` }),
  );
  const text = files.get('manifest.json')?.toString() ?? '[]';
  const [entry] = JSON.parse(text) as { Config: string; Layers: readonly string[] }[];
  const config = files.get(entry?.Config ?? '') ?? Buffer.alloc(0);
  if (digestOf(config) !== id) return [loss(`${tag}: what is saved is not ${id}`)];
  const { rootfs } = JSON.parse(config.toString()) as { rootfs: { diff_ids: readonly string[] } };
  return rootfs.diff_ids.flatMap((diffId, index) => {
    const layer = files.get(entry?.Layers[index] ?? '');
    return layer !== undefined && digestOf(unpacked(layer)) === diffId
      ? []
      : [loss(`${tag}: saved layer ${diffId}`)];
  });
};

/** Whatever becomes of the point, this holds once the daemon answers. */
export const invariants = async (site: Site, attempt: Attempt): Promise<readonly Finding[]> => [
  ...(await listingFindings(site, attempt)),
  ...(await checkFindings(site)),
  ...contentFindings(site.machine.root),
  ...leftovers(site, attempt.resumable),
  ...strayMounts(site.machine.root),
];

/** After success: what was asked for is there and whole, and nothing else is. */
export const outcome = async (site: Site, attempt: Attempt): Promise<readonly Finding[]> => {
  const findings: Finding[] = [];
  for (const [tag, id] of attempt.makes) {
    const found = await idOf(site, tag);
    if (found === undefined || (id !== undefined && found !== id))
      findings.push(loss(`${tag} is ${found ?? 'absent'} after success`));
    else site.committed.set(tag, found);
    if (found !== undefined) findings.push(...(await savedFindings(site, tag)));
  }
  const images = await listImages(site);
  for (const { Id, RepoTags } of images) {
    if (attempt.deletes.includes(Id)) findings.push(flaw(`${Id} is there after it was removed`));
    for (const tag of attempt.removes) if (RepoTags?.includes(tag)) findings.push(flaw(`${tag} is there`));
  }
  return [...findings, ...(await invariants(site, { ...attempt, resumable: new Set() }))];
};
