import { resolve } from 'node:path';
import { parseBytes } from '#console';
import { commaFields } from './comma-fields.ts';
import { cliErrors } from './errors.ts';

/** A mount as the API takes it. */
export interface MountBody {
  Type: string;
  Source?: string;
  Target?: string;
  ReadOnly?: boolean;
  Consistency?: string;
  BindOptions?: Record<string, unknown>;
  VolumeOptions?: Record<string, unknown>;
  TmpfsOptions?: Record<string, unknown>;
  ImageOptions?: Record<string, unknown>;
}

const invalid = (spec: string, problem: string): Error =>
  cliErrors.argumentInvalid({
    problem: `invalid argument "${spec}" for "--mount" flag: ${problem}`,
    advice: 'write type=bind|volume|tmpfs,source=…,target=…[,readonly]',
  });

const parseFlag = (spec: string, key: string, value: string | undefined): boolean => {
  if (value === undefined || value === 'true' || value === '1') return true;
  if (value === 'false' || value === '0') return false;
  throw invalid(spec, `invalid value for ${key}: ${value}`);
};

type Apply = (mount: MountBody, value: string | undefined, spec: string) => void;

const label = (word: string): Record<string, string> => {
  const split = word.indexOf('=');
  return split === -1 ? { [word]: '' } : { [word.slice(0, split)]: word.slice(split + 1) };
};

interface Driver {
  Name?: string;
  Options?: Record<string, string>;
}

const volumeDriver = (mount: MountBody): Driver => {
  const options = (mount.VolumeOptions ??= {});
  const driver: Driver = options['DriverConfig'] ?? {};
  options['DriverConfig'] = driver;
  return driver;
};

const source: Apply = (mount, value = '') => {
  mount.Source = value === '.' || value.startsWith('./') || value.startsWith('../') ? resolve(value) : value;
};
const target: Apply = (mount, value = '') => void (mount.Target = value);
const readOnly: Apply = (mount, value, spec) => void (mount.ReadOnly = parseFlag(spec, 'readonly', value));

const KEYS: Readonly<Record<string, Apply>> = {
  type: (mount, value = '') => void (mount.Type = value.toLowerCase()),
  source,
  src: source,
  target,
  dst: target,
  destination: target,
  readonly: readOnly,
  ro: readOnly,
  consistency: (mount, value = '') => void (mount.Consistency = value.toLowerCase()),
  'bind-propagation': (mount, value) =>
    void ((mount.BindOptions ??= {})['Propagation'] = value?.toLowerCase()),
  'bind-nonrecursive': (mount, value, spec) =>
    void ((mount.BindOptions ??= {})['NonRecursive'] = parseFlag(spec, 'bind-nonrecursive', value)),
  'bind-recursive': (mount, value, spec) => {
    const options = (mount.BindOptions ??= {});
    if (value === 'disabled') options['NonRecursive'] = true;
    else if (value === 'writable') options['ReadOnlyNonRecursive'] = true;
    else if (value === 'readonly') options['ReadOnlyForceRecursive'] = true;
    else if (value !== 'enabled') throw invalid(spec, `invalid value for bind-recursive: ${value ?? ''}`);
  },
  'bind-create-src': (mount, value, spec) =>
    void ((mount.BindOptions ??= {})['CreateMountpoint'] = parseFlag(spec, 'bind-create-src', value)),
  'volume-nocopy': (mount, value, spec) =>
    void ((mount.VolumeOptions ??= {})['NoCopy'] = parseFlag(spec, 'volume-nocopy', value)),
  'volume-subpath': (mount, value) => void ((mount.VolumeOptions ??= {})['Subpath'] = value),
  'volume-label': (mount, value = '') => {
    const options = (mount.VolumeOptions ??= {});
    options['Labels'] = { ...(options['Labels'] as object | undefined), ...label(value) };
  },
  'volume-driver': (mount, value = '') => void (volumeDriver(mount).Name = value),
  'volume-opt': (mount, value = '') => {
    const driver = volumeDriver(mount);
    driver.Options = { ...driver.Options, ...label(value) };
  },
  'tmpfs-size': (mount, value = '') => void ((mount.TmpfsOptions ??= {})['SizeBytes'] = parseBytes(value)),
  'tmpfs-mode': (mount, value = '') => void ((mount.TmpfsOptions ??= {})['Mode'] = Number.parseInt(value, 8)),
  'image-subpath': (mount, value) => void ((mount.ImageOptions ??= {})['Subpath'] = value),
};

/**
 * One `--mount`.
 *
 * @throws CLI_ARGUMENT_INVALID
 */
export const parseMount = (spec: string): MountBody => {
  const mount: MountBody = { Type: 'volume' };
  for (const field of commaFields(spec)) {
    const split = field.indexOf('=');
    const key = (split === -1 ? field : field.slice(0, split)).trim().toLowerCase();
    const apply = KEYS[key];
    if (apply === undefined) throw invalid(spec, `unexpected key '${key}' in '${field}'`);
    apply(mount, split === -1 ? undefined : field.slice(split + 1), spec);
  }
  if (mount.Type === 'bind' && mount.Source !== undefined && mount.Source !== '')
    mount.Source = resolve(mount.Source);
  if (mount.Target === undefined || mount.Target === '') throw invalid(spec, 'target is required');
  return mount;
};

export interface VolumeFlags {
  readonly binds: readonly string[];
  /** Anonymous volumes by path inside. */
  readonly anonymous: Readonly<Record<string, object>>;
}

const absoluteBind = (volume: string): string => {
  const [host = '', ...rest] = volume.split(':');
  const relative = host === '.' || host === '..' || host.startsWith('./') || host.startsWith('../');
  return [relative ? resolve(host) : host, ...rest].join(':');
};

/** `-v`: with a colon a bind or a named volume, without one an anonymous volume. */
export const parseVolumes = (volumes: readonly string[]): VolumeFlags => ({
  binds: volumes.filter((volume) => volume.includes(':')).map(absoluteBind),
  anonymous: Object.fromEntries(volumes.filter((volume) => !volume.includes(':')).map((path) => [path, {}])),
});

/** `--tmpfs path[:options]`. */
export const parseTmpfs = (specs: readonly string[]): Record<string, string> =>
  Object.fromEntries(
    specs.map((spec) => {
      const split = spec.indexOf(':');
      return split === -1 ? [spec, ''] : [spec.slice(0, split), spec.slice(split + 1)];
    }),
  );
