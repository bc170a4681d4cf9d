/** A package that an image has, as one of its package managers says. */
export interface FoundPackage {
  readonly type: 'deb' | 'apk' | 'npm' | 'pypi';
  readonly name: string;
  readonly version: string;
  readonly architecture?: string | undefined;
  /** As the package says it, which need not be an expression of SPDX. */
  readonly license?: string | undefined;
  readonly supplier?: string | undefined;
  readonly homepage?: string | undefined;
  /** The package that it was built from. */
  readonly origin?: string | undefined;
  /** The file that says so, relative to the root of the image. */
  readonly foundIn: string;
}

/** What /etc/os-release says, of which names of packages need some. */
export interface Distribution {
  readonly id: string;
  readonly version: string | undefined;
}

/** Blocks of `Key: value` lines; lines that begin with a space go on with the value before. */
function* blocks(text: string): Generator<ReadonlyMap<string, string>> {
  for (const block of text.split(/\n{2,}/u)) {
    const fields = new Map<string, string>();
    for (const line of block.split('\n')) {
      const colon = line.indexOf(':');
      if (colon > 0 && !/^\s/u.test(line))
        fields.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
    }
    if (fields.size > 0) yield fields;
  }
}

/** Packages of dpkg's status file, or of one of distroless images' files: those that are installed. */
export const readDpkg = (text: string, foundIn: string): readonly FoundPackage[] =>
  [...blocks(text)].flatMap((fields): readonly FoundPackage[] => {
    const [name, version, status] = [fields.get('package'), fields.get('version'), fields.get('status')];
    if (name === undefined || version === undefined) return [];
    if (status !== undefined && !/\binstalled$/u.test(status)) return [];
    return [
      {
        type: 'deb',
        name,
        version,
        architecture: fields.get('architecture'),
        supplier: fields.get('maintainer'),
        homepage: fields.get('homepage'),
        origin: fields.get('source')?.split(' ')[0],
        foundIn,
      },
    ];
  });

/** Packages of apk's database; its keys are letters of either case. */
export const readApk = (text: string, foundIn: string): readonly FoundPackage[] =>
  text.split(/\n{2,}/u).flatMap((block): readonly FoundPackage[] => {
    const fields = new Map(
      block.split('\n').flatMap((line) => (line[1] === ':' ? [[line[0], line.slice(2)] as const] : [])),
    );
    const [name, version] = [fields.get('P'), fields.get('V')];
    if (name === undefined || version === undefined) return [];
    return [
      {
        type: 'apk',
        name,
        version,
        architecture: fields.get('A'),
        license: fields.get('L'),
        supplier: fields.get('m'),
        homepage: fields.get('U'),
        origin: fields.get('o'),
        foundIn,
      },
    ];
  });

const parsed = (text: string): Readonly<Record<string, unknown>> => {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
};

const textOf = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' ? value : undefined;

const licenseOf = (value: unknown): string | undefined =>
  textOf(value) ??
  (typeof value === 'object' && value !== null && 'type' in value ? textOf(value.type) : undefined);

/** The package that a package.json describes. */
export const readPackageJson = (text: string, foundIn: string): readonly FoundPackage[] => {
  const { name, version, license, homepage } = parsed(text);
  const [known, at] = [textOf(name), textOf(version)];
  if (known === undefined || at === undefined) return [];
  return [
    {
      type: 'npm',
      name: known,
      version: at,
      license: licenseOf(license),
      homepage: textOf(homepage),
      foundIn,
    },
  ];
};

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;

/** Version 1 of the lock file nests what lies below. */
const nested = (dependencies: unknown, foundIn: string): readonly FoundPackage[] =>
  Object.entries(isObject(dependencies) ? dependencies : {}).flatMap(([name, entry]) => {
    if (!isObject(entry)) return [];
    const version = textOf(entry['version']);
    const own: readonly FoundPackage[] =
      version === undefined || entry['dev'] === true ? [] : [{ type: 'npm', name, version, foundIn }];
    return [...own, ...nested(entry['dependencies'], foundIn)];
  });

/** What a package-lock.json says that is installed, but for what only development needs. */
export const readPackageLock = (text: string, foundIn: string): readonly FoundPackage[] => {
  const { packages, dependencies } = parsed(text);
  if (!isObject(packages)) return nested(dependencies, foundIn);
  return Object.entries(packages).flatMap(([path, entry]): readonly FoundPackage[] => {
    if (!isObject(entry) || entry['link'] === true || entry['dev'] === true) return [];
    const name = textOf(entry['name']) ?? /(?:^|\/)node_modules\/((?:@[^/]+\/)?[^/]+)$/u.exec(path)?.[1];
    const version = textOf(entry['version']);
    if (path === '' || name === undefined || version === undefined) return [];
    return [{ type: 'npm', name, version, license: licenseOf(entry['license']), foundIn }];
  });
};

/** The package that a METADATA file of Python describes (its header only). */
export const readPython = (text: string, foundIn: string): readonly FoundPackage[] => {
  const [fields] = [...blocks(text.split('\n\n', 1)[0] ?? '')];
  const [name, version] = [fields?.get('name'), fields?.get('version')];
  if (name === undefined || version === undefined) return [];
  const license = fields?.get('license-expression') ?? fields?.get('license');
  return [{ type: 'pypi', name, version, license, homepage: fields?.get('home-page'), foundIn }];
};

/** Which distribution an os-release file names. */
export const readOsRelease = (text: string): Distribution | undefined => {
  const value = (key: string): string | undefined =>
    new RegExp(`^${key}=["']?([^"'\\n]*)`, 'mu').exec(text)?.[1];
  const id = value('ID');
  return id === undefined || id === '' ? undefined : { id, version: value('VERSION_ID') };
};
