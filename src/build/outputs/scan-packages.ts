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

/** What one scan reads and finds at most. */
interface ScanLimits {
  /** Bytes of one file; larger ones are passed over. */
  readonly fileBytes: number;
  /** Bytes of all files. */
  readonly totalBytes: number;
  readonly packages: number;
}

const LIMITS: ScanLimits = { fileBytes: 32 << 20, totalBytes: 256 << 20, packages: 50_000 };

/** Characters of a name or a version; packages with longer ones are passed over. */
const MAX_NAME = 512;
/** Characters of what else is said of a package; longer texts are passed over. */
const MAX_TEXT = 2048;
/** Files that are told to be missing, one by one. */
const MAX_TOLD = 10;

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

const readText = async ({ content }: TarSource): Promise<string> => {
  if (content === undefined || content instanceof Uint8Array) return '';
  const chunks: Uint8Array[] = [];
  for await (const chunk of content) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
};

/** What the files of an image say of its packages. */
export interface PackageScan {
  readonly distribution: Distribution | undefined;
  /** Sorted, each once. */
  readonly packages: readonly FoundPackage[];
  /** What was passed over, and why; empty when nothing was. */
  readonly leftOut: readonly string[];
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

const short = (text: string | undefined): string | undefined =>
  text === undefined || text.length > MAX_TEXT ? undefined : text;

/** A package as far as its texts are of a length that such texts have; undefined where its name is not. */
const bounded = (one: FoundPackage): FoundPackage | undefined =>
  [one.name, one.version, one.architecture ?? '', one.origin ?? ''].some((text) => text.length > MAX_NAME)
    ? undefined
    : { ...one, license: short(one.license), supplier: short(one.supplier), homepage: short(one.homepage) };

/** Keeps to the limits, and notes what they cost. */
const createBudget = (limits: ScanLimits) => {
  const told: string[] = [];
  let [files, bytes, packages, tooMany] = [0, 0, 0, 0];
  const leave = (path: string, why: string): false => {
    files += 1;
    if (files <= MAX_TOLD) told.push(`/${path}: ${why}`);
    return false;
  };
  return {
    /** Whether a file of this size may be read. */
    mayRead({ path, size = 0 }: TarSource): boolean {
      if (size > limits.fileBytes) return leave(path, `it is larger than ${limits.fileBytes} bytes`);
      if (bytes + size > limits.totalBytes)
        return leave(path, `such files together are larger than ${limits.totalBytes} bytes`);
      bytes += size;
      return true;
    },
    /** Those of the packages that may be kept. */
    keep(found: readonly FoundPackage[], path: string): readonly FoundPackage[] {
      const fit = found.map(bounded).filter((one) => one !== undefined);
      if (fit.length < found.length) leave(path, `names in it are longer than ${MAX_NAME} characters`);
      const kept = fit.slice(0, limits.packages - packages);
      packages += kept.length;
      tooMany += fit.length - kept.length;
      return kept;
    },
    leftOut: (): readonly string[] => [
      ...told,
      ...(files > MAX_TOLD ? [`and ${files - MAX_TOLD} more files`] : []),
      ...(tooMany > 0 ? [`${tooMany} packages beyond ${limits.packages}`] : []),
    ],
  };
};

interface ScanOptions {
  readonly signal?: AbortSignal | undefined;
  readonly limits?: ScanLimits | undefined;
}

/**
 * Looks through a root file system for what package managers left there: dpkg, apk, npm, Python. No link is followed,
 * nothing of the image is run. It parses for long: for a thread.
 */
export const scanPackages = async (
  root: string,
  { signal, limits = LIMITS }: ScanOptions = {},
): Promise<PackageScan> => {
  const found: FoundPackage[] = [];
  const folders = new Set<string>();
  const budget = createBudget(limits);
  let distribution: Distribution | undefined;
  for await (const source of treeEntries(`${root}/.`, '')) {
    signal?.throwIfAborted();
    const { kind, path } = source;
    if (kind === 'directory' && path.endsWith('node_modules')) folders.add(path);
    if (kind !== 'file') continue;
    const read = READERS.find(([pattern]) => pattern.test(path))?.[1];
    const isRelease = OS_RELEASE.test(path);
    if ((read === undefined && !isRelease) || !budget.mayRead(source)) continue;
    const text = await readText(source);
    if (isRelease) distribution ??= readOsRelease(text);
    else if (read !== undefined) found.push(...budget.keep(read(text, path), path));
  }
  const packages = asUnique(withoutCovered(found, folders));
  return { distribution, packages, leftOut: budget.leftOut() };
};
