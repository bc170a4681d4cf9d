import { treeEntries } from '#trees';
import type { TarSource } from '#tar';
import {
  readApk,
  readDpkg,
  readOsRelease,
  readPackageJson,
  readPackageLock,
  readPython,
  type Distribution,
  type FoundPackage,
} from './packages.ts';

/** Files that say more are passed over. */
const MAX_BYTES = 64 << 20;

type Reader = (text: string, foundIn: string) => readonly FoundPackage[];

/** Which files say what is installed, and how they are read. */
const READERS: readonly (readonly [pattern: RegExp, read: Reader])[] = [
  [/^var\/lib\/dpkg\/status$/u, readDpkg],
  [/^var\/lib\/dpkg\/status\.d\/[^/]+(?<!\.md5sums)$/u, readDpkg],
  [/^(?:usr\/)?lib\/apk\/db\/installed$/u, readApk],
  [/(?:^|\/)node_modules\/(?:@[^/]+\/)?[^/@]+\/package\.json$/u, readPackageJson],
  [/^(?!.*(?:^|\/)node_modules\/).*package-lock\.json$/u, readPackageLock],
  [/\.dist-info\/METADATA$/u, readPython],
];

const OS_RELEASE = /^(?:etc|usr\/lib)\/os-release$/u;

const contentOf = async ({ content, size = 0 }: TarSource): Promise<string | undefined> => {
  if (content === undefined || content instanceof Uint8Array || size > MAX_BYTES) return undefined;
  const chunks: Uint8Array[] = [];
  for await (const chunk of content) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
};

/** What the files of an image say of its packages. */
export interface PackageScan {
  readonly distribution: Distribution | undefined;
  /** Sorted, each once. */
  readonly packages: readonly FoundPackage[];
}

const keyOf = ({ type, name, version, architecture = '' }: FoundPackage): string =>
  [type, name, version, architecture].join('\0');

const asUnique = (packages: readonly FoundPackage[]): readonly FoundPackage[] => {
  const once = new Map<string, FoundPackage>();
  for (const one of packages) if (!once.has(keyOf(one))) once.set(keyOf(one), one);
  return [...once].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, one]) => one);
};

/** Lock files beside installed modules say nothing more than those. */
const withoutCovered = (packages: readonly FoundPackage[], folders: ReadonlySet<string>) =>
  packages.filter(
    ({ foundIn }) =>
      !foundIn.endsWith('package-lock.json') ||
      !folders.has(`${foundIn.slice(0, -'package-lock.json'.length)}node_modules`),
  );

/**
 * Looks through a root file system for what package managers left there: dpkg, apk, npm, Python. No link is followed,
 * nothing of the image is run.
 */
export const scanPackages = async (root: string, signal?: AbortSignal): Promise<PackageScan> => {
  const found: FoundPackage[] = [];
  const folders = new Set<string>();
  let distribution: Distribution | undefined;
  for await (const source of treeEntries(`${root}/.`, '')) {
    signal?.throwIfAborted();
    if (source.kind === 'directory' && source.path.endsWith('node_modules')) folders.add(source.path);
    if (source.kind !== 'file') continue;
    if (OS_RELEASE.test(source.path)) distribution ??= readOsRelease((await contentOf(source)) ?? '');
    const read = READERS.find(([pattern]) => pattern.test(source.path))?.[1];
    const text = read === undefined ? undefined : await contentOf(source);
    if (read !== undefined && text !== undefined) found.push(...read(text, source.path));
  }
  return { distribution, packages: asUnique(withoutCovered(found, folders)) };
};
