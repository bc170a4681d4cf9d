import { ociErrors } from './errors.ts';

export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string | undefined;
  readonly osVersion?: string | undefined;
  readonly osFeatures?: readonly string[] | undefined;
}

interface Machine {
  readonly architecture: string;
  readonly variant: string;
}

const operatingSystems: ReadonlySet<string> = new Set(
  'aix android darwin dragonfly freebsd illumos ios js linux netbsd openbsd plan9 solaris wasip1 windows'.split(
    ' ',
  ),
);
const architectures: ReadonlySet<string> = new Set(
  '386 amd64 arm arm64 loong64 mips mipsle mips64 mips64le ppc64 ppc64le riscv64 s390x wasm'.split(' '),
);
const aliases: Readonly<Record<string, Machine>> = {
  i386: { architecture: '386', variant: '' },
  i686: { architecture: '386', variant: '' },
  x86_64: { architecture: 'amd64', variant: '' },
  'x86-64': { architecture: 'amd64', variant: '' },
  aarch64: { architecture: 'arm64', variant: '' },
  armhf: { architecture: 'arm', variant: 'v7' },
  armel: { architecture: 'arm', variant: 'v6' },
};

const machineOf = (architecture: string, variant: string): Machine => {
  const name = architecture.toLowerCase();
  const alias = aliases[name] ?? { architecture: name, variant: '' };
  const given = variant === '' ? alias.variant : variant.toLowerCase();
  const numbered = /^\d/.test(given) ? `v${given}` : given;
  if (alias.architecture === 'amd64' && numbered === 'v1') return { ...alias, variant: '' };
  if (alias.architecture === 'arm64' && (numbered === 'v8' || numbered === 'v8.0'))
    return { ...alias, variant: '' };
  if (alias.architecture === 'arm' && numbered === '') return { ...alias, variant: 'v7' };
  return { architecture: alias.architecture, variant: numbered };
};

/** The one spelling of a platform: `x86_64` is `amd64`, `arm64/v8` is `arm64`, `arm` is `arm/v7`. */
export const normalizePlatform = (platform: Platform): Platform => {
  const os = platform.os.toLowerCase();
  const { architecture, variant } = machineOf(platform.architecture, platform.variant ?? '');
  return {
    os: os === 'macos' ? 'darwin' : os,
    architecture,
    ...(variant === '' ? {} : { variant }),
    ...(platform.osVersion === undefined ? {} : { osVersion: platform.osVersion }),
    ...(platform.osFeatures === undefined ? {} : { osFeatures: platform.osFeatures }),
  };
};

const nodeArchitectures: Readonly<Record<string, string>> = {
  x64: 'amd64',
  ia32: '386',
  arm: 'arm',
  arm64: 'arm64',
};

/** The platform of this machine. */
export const hostPlatform = (): Platform =>
  normalizePlatform({ os: 'linux', architecture: nodeArchitectures[process.arch] ?? process.arch });

const parseSingle = (value: string): Platform => {
  const host = hostPlatform();
  const word = value.toLowerCase();
  if (operatingSystems.has(word) || word === 'macos') return normalizePlatform({ ...host, os: word });
  if (architectures.has(word) || Object.hasOwn(aliases, word)) {
    return normalizePlatform({ os: host.os, architecture: word });
  }
  throw ociErrors.invalidPlatform({ value, reason: 'unknown operating system or architecture' });
};

/** Parses `os`, `architecture`, `os/architecture` or `os/architecture/variant`, normalised. */
export const parsePlatform = (value: string): Platform => {
  const [first = '', architecture, variant, ...rest] = value.split('/');
  const [, os = '', osVersion] = /^([\w.-]+)(?:\(([\w.-]*)\))?$/.exec(first) ?? [];
  const parts = [os, architecture, variant].filter((part) => part !== undefined);
  if (rest.length > 0 || !parts.every((part) => /^[\w.-]+$/.test(part))) {
    throw ociErrors.invalidPlatform({ value, reason: 'it is not of the form OS/ARCHITECTURE[/VARIANT]' });
  }
  if (architecture === undefined) return parseSingle(os);
  return normalizePlatform({ os, architecture, variant, osVersion });
};

/** Whether there are machines of this kind, as far as Go's list of systems and architectures says. */
export const isKnownPlatform = (platform: Platform): boolean => {
  const { os, architecture } = normalizePlatform(platform);
  return operatingSystems.has(os) && architectures.has(architecture);
};

/** `os/architecture[/variant]` of the normalised platform. */
export const formatPlatform = (platform: Platform): string => {
  const { os, architecture, variant } = normalizePlatform(platform);
  return variant === undefined ? `${os}/${architecture}` : `${os}/${architecture}/${variant}`;
};

const countDown = (architecture: string, from: number, to: number): readonly string[] =>
  Array.from({ length: Math.max(0, from - to + 1) }, (_, index) => `${architecture}/v${from - index}`);

const majorOf = (variant: string, fallback: number): number =>
  Number(/^v(\d+)/.exec(variant)?.[1] ?? fallback);

const runnableOn = (architecture: string, variant: string): readonly string[] => {
  switch (architecture) {
    case 'amd64':
      return [...countDown('amd64', majorOf(variant, 1), 2), 'amd64', '386'];
    case 'arm64':
      return [...countDown('arm64', majorOf(variant, 8), 9), 'arm64', ...countDown('arm', 8, 5)];
    case 'arm':
      return countDown('arm', majorOf(variant, 7), 5);
    default:
      return variant === '' ? [architecture] : [`${architecture}/${variant}`, architecture];
  }
};

/** Platforms whose images run where `wanted` is asked for, best first, as `os/architecture[/variant]`. */
const acceptable = (wanted: Platform): readonly string[] => {
  const { os, architecture, variant } = normalizePlatform(wanted);
  const exact = formatPlatform(wanted);
  return [exact, ...runnableOn(architecture, variant ?? '').map((machine) => `${os}/${machine}`)];
};

/** Whether an image made for `offered` runs where `wanted` is asked for (an older variant does, a newer does not). */
export const matchPlatform = (offered: Platform, wanted: Platform): boolean =>
  acceptable(wanted).includes(formatPlatform(offered));

/** Not a platform at all: what BuildKit writes beside attestations. */
export const isUnknownPlatform = ({ os, architecture }: Platform): boolean =>
  os === 'unknown' && architecture === 'unknown';

const suitsVersion = (offered: Platform, wanted: Platform): boolean =>
  wanted.osVersion === undefined ||
  offered.osVersion === undefined ||
  offered.osVersion === wanted.osVersion ||
  offered.osVersion.startsWith(`${wanted.osVersion}.`);

/**
 * The descriptor that suits `wanted` best. One without a platform is taken only when it is the only one, since its
 * configuration then decides; those of platform `unknown/unknown` do not count. An `osVersion` wanted is the beginning
 * of one offered. Undefined when none suits.
 */
export const selectPlatform = <D extends { readonly platform?: Platform | undefined }>(
  descriptors: readonly D[],
  wanted: Platform,
): D | undefined => {
  const order = acceptable(wanted);
  const ranked = descriptors
    .map((descriptor) => ({
      descriptor,
      rank:
        descriptor.platform === undefined || !suitsVersion(descriptor.platform, wanted)
          ? -1
          : order.indexOf(formatPlatform(descriptor.platform)),
    }))
    .filter(({ rank }) => rank >= 0)
    .sort((a, b) => a.rank - b.rank);
  const [only, ...others] = descriptors.filter(
    ({ platform }) => platform === undefined || !isUnknownPlatform(platform),
  );
  const undecided = others.length === 0 && only?.platform === undefined ? only : undefined;
  return ranked[0]?.descriptor ?? undecided;
};
