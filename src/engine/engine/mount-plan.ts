import { posix } from 'node:path';
import { engineErrors } from './errors.ts';
import { isValidName } from './names.ts';
import type { ContainerConfig, HostConfig, MountRequest } from './wire-types.ts';

export type Propagation = 'private' | 'rprivate' | 'shared' | 'rshared' | 'slave' | 'rslave';

/** One mount that a container asks for. Targets are clean absolute paths in the container. */
export type MountWish =
  | {
      readonly kind: 'bind';
      readonly source: string;
      readonly target: string;
      readonly readonly: boolean;
      readonly mode: string;
      readonly propagation: Propagation;
      readonly recursive: boolean;
      /** Make a directory where the source is missing (`-v`), rather than refuse (`--mount`). */
      readonly createSource: boolean;
    }
  | {
      readonly kind: 'volume';
      /** Undefined for an anonymous one. */
      readonly name: string | undefined;
      readonly target: string;
      readonly readonly: boolean;
      readonly mode: string;
      readonly noCopy: boolean;
      readonly labels: Readonly<Record<string, string>>;
      readonly driverOptions: Readonly<Record<string, string>>;
    }
  | { readonly kind: 'tmpfs'; readonly target: string; readonly options: readonly string[] };

const PROPAGATIONS: ReadonlySet<string> = new Set([
  'private',
  'rprivate',
  'shared',
  'rshared',
  'slave',
  'rslave',
]);

const invalid = (reason: string): Error => engineErrors.invalidConfig({ reason });

const cleanTarget = (target: string, spec: string): string => {
  if (!target.startsWith('/')) {
    throw invalid(`invalid mount config for "${spec}": mount path must be absolute`);
  }
  const clean = posix.normalize(target).replace(/(?<=.)\/$/, '');
  if (clean === '/') throw invalid(`invalid specification: destination can't be '/'`);
  return clean;
};

interface BindMode {
  readonly readonly: boolean;
  readonly noCopy: boolean;
  readonly propagation: Propagation;
}

/** The last part of `-v`: ro, rw, nocopy, a propagation; z and Z mean nothing without SELinux. */
const parseMode = (mode: string, spec: string): BindMode => {
  let result: BindMode = { readonly: false, noCopy: false, propagation: 'rprivate' };
  for (const word of mode.split(',').filter(Boolean)) {
    if (word === 'ro' || word === 'rw') result = { ...result, readonly: word === 'ro' };
    else if (word === 'nocopy') result = { ...result, noCopy: true };
    else if (PROPAGATIONS.has(word)) result = { ...result, propagation: word as Propagation };
    else if (!['z', 'Z', 'cached', 'delegated', 'consistent'].includes(word)) {
      throw invalid(`invalid volume specification: '${spec}': invalid mode: ${mode}`);
    }
  }
  return result;
};

/** `SOURCE:TARGET[:MODE]` of `-v`; a source that is no path names a volume. */
export const parseBind = (spec: string): MountWish => {
  const [source = '', destination, mode = '', ...rest] = spec.split(':');
  if (destination === undefined || source === '' || destination === '' || rest.length > 0) {
    throw invalid(`invalid volume specification: '${spec}'`);
  }
  const target = cleanTarget(destination, spec);
  const parsed = parseMode(mode, spec);
  if (source.startsWith('/')) {
    return {
      kind: 'bind',
      source: posix.normalize(source),
      target,
      readonly: parsed.readonly,
      mode,
      propagation: parsed.propagation,
      recursive: true,
      createSource: true,
    };
  }
  if (!isValidName(source)) {
    throw invalid(
      `create ${source}: "${source}" includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path`,
    );
  }
  return {
    kind: 'volume',
    name: source,
    target,
    readonly: parsed.readonly,
    mode: mode === '' ? 'z' : mode,
    noCopy: parsed.noCopy,
    labels: {},
    driverOptions: {},
  };
};

const bindOf = (request: MountRequest, target: string): MountWish => {
  const { Source: source = '', BindOptions: options } = request;
  if (!source.startsWith('/')) {
    throw invalid(
      `invalid mount config for type "bind": invalid mount path: '${source}' mount path must be absolute`,
    );
  }
  const propagation = options?.Propagation ?? '';
  if (propagation !== '' && !PROPAGATIONS.has(propagation))
    throw invalid(`invalid propagation mode: ${propagation}`);
  if (options?.ReadOnlyForceRecursive === true) {
    throw engineErrors.unsupportedOption({ option: 'a bind mount with ReadOnlyForceRecursive' });
  }
  return {
    kind: 'bind',
    source: posix.normalize(source),
    target,
    readonly: request.ReadOnly ?? false,
    mode: '',
    propagation: propagation === '' ? 'rprivate' : (propagation as Propagation),
    recursive: options?.NonRecursive !== true,
    createSource: options?.CreateMountpoint ?? false,
  };
};

const volumeOf = (request: MountRequest, target: string): MountWish => {
  const { Source: name = '', VolumeOptions: options } = request;
  if (name !== '' && !isValidName(name)) throw invalid(`invalid volume name: ${name}`);
  const driver = options?.DriverConfig?.Name ?? '';
  if (driver !== '' && driver !== 'local') {
    throw engineErrors.unsupportedOption({ option: `the volume driver ${driver}` });
  }
  if ((options?.Subpath ?? '') !== '') throw engineErrors.unsupportedOption({ option: 'a volume subpath' });
  return {
    kind: 'volume',
    name: name === '' ? undefined : name,
    target,
    readonly: request.ReadOnly ?? false,
    mode: 'z',
    noCopy: options?.NoCopy ?? false,
    labels: options?.Labels ?? {},
    driverOptions: options?.DriverConfig?.Options ?? {},
  };
};

const tmpfsOf = (request: MountRequest, target: string): MountWish => {
  const { SizeBytes: size = 0, Mode: mode, Options: options = [] } = request.TmpfsOptions ?? {};
  return {
    kind: 'tmpfs',
    target,
    options: [
      ...(request.ReadOnly === true ? ['ro'] : []),
      ...(size > 0 ? [`size=${size}`] : []),
      ...(mode === undefined || mode === 0 ? [] : [`mode=${mode.toString(8)}`]),
      ...options.map((pair) => pair.join('=')),
    ],
  };
};

const parseMount = (request: MountRequest): MountWish => {
  const target = cleanTarget(request.Target ?? '', `type ${request.Type ?? ''}`);
  switch (request.Type) {
    case 'bind':
      return bindOf(request, target);
    case 'volume':
    case undefined:
    case '':
      return volumeOf(request, target);
    case 'tmpfs':
      return tmpfsOf(request, target);
    default:
      throw engineErrors.unsupportedOption({ option: `a mount of type ${request.Type}` });
  }
};

const anonymous = (target: string): MountWish => ({
  kind: 'volume',
  name: undefined,
  target: cleanTarget(target, target),
  readonly: false,
  mode: '',
  noCopy: false,
  labels: {},
  driverOptions: {},
});

const rejectDuplicates = (wishes: readonly MountWish[]): void => {
  const seen = new Set<string>();
  for (const { target } of wishes) {
    if (seen.has(target)) throw invalid(`Duplicate mount point: ${target}`);
    seen.add(target);
  }
};

/**
 * Every mount that a container asks for: `-v`, `--mount`, `--tmpfs`, what it takes `from` other containers, and an
 * anonymous volume for each VOLUME of its configuration that nothing else covers.
 */
export const planMounts = (
  config: ContainerConfig,
  host: HostConfig,
  from: readonly MountWish[] = [],
): readonly MountWish[] => {
  const explicit = [
    ...(host.Binds ?? []).map(parseBind),
    ...(host.Mounts ?? []).map(parseMount),
    ...Object.entries(host.Tmpfs ?? {}).map(([target, options]): MountWish => ({
      kind: 'tmpfs',
      target: cleanTarget(target, target),
      options: options.split(',').filter(Boolean),
    })),
  ];
  rejectDuplicates(explicit);
  const targets = new Set(explicit.map(({ target }) => target));
  const inherited = from.filter(({ target }) => !targets.has(target));
  for (const { target } of inherited) targets.add(target);
  const rest = Object.keys(config.Volumes ?? {})
    .map(anonymous)
    .filter(({ target }) => !targets.has(target));
  return [...explicit, ...inherited, ...rest];
};
