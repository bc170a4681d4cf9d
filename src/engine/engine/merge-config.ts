import type { ContainerConfig as ImageContainerConfig } from '#oci';
import { engineErrors } from './errors.ts';
import type { ContainerConfig, HealthConfig } from './wire-types.ts';

const keyOf = (entry: string): string => entry.split('=', 1)[0] ?? '';

/** The container's variables, then those of the image that it does not set. */
const mergeEnv = (own: readonly string[], inherited: readonly string[]): readonly string[] => {
  const keys = new Set(own.map(keyOf));
  return [...own, ...inherited.filter((entry) => !keys.has(keyOf(entry)))];
};

const orInherited = (own: number | undefined, inherited: number | undefined): number | undefined =>
  own === undefined || own === 0 ? inherited : own;

const mergeHealth = (
  own: HealthConfig | null | undefined,
  inherited: ImageContainerConfig['Healthcheck'],
): HealthConfig | undefined => {
  if (own === null || own === undefined) return inherited;
  if (inherited === undefined) return own;
  return {
    Test: (own.Test ?? []).length === 0 ? inherited.Test : own.Test,
    Interval: orInherited(own.Interval, inherited.Interval),
    Timeout: orInherited(own.Timeout, inherited.Timeout),
    StartPeriod: orInherited(own.StartPeriod, inherited.StartPeriod),
    StartInterval: orInherited(own.StartInterval, inherited.StartInterval),
    Retries: orInherited(own.Retries, inherited.Retries),
  };
};

const isEmpty = (list: readonly string[] | null | undefined): boolean => (list ?? []).length === 0;

/** An own entry point hides the image's command; `['']` removes the image's entry point. */
const mergeCommand = (
  own: ContainerConfig,
  image: ImageContainerConfig,
): { readonly Entrypoint: readonly string[] | null; readonly Cmd: readonly string[] | null } => {
  if (!isEmpty(own.Entrypoint)) {
    const reset = own.Entrypoint?.length === 1 && own.Entrypoint[0] === '';
    return { Entrypoint: reset ? null : (own.Entrypoint ?? null), Cmd: own.Cmd ?? null };
  }
  return {
    Entrypoint: image.Entrypoint ?? null,
    Cmd: (isEmpty(own.Cmd) ? image.Cmd : own.Cmd) ?? null,
  };
};

const orImage = (own: string | undefined, image: string | undefined): string =>
  own === undefined || own === '' ? (image ?? '') : own;

/** What a container runs with: its own configuration over its image's, as Docker merges them. */
export const mergeConfig = (own: ContainerConfig, image: ImageContainerConfig): ContainerConfig => {
  const command = mergeCommand(own, image);
  if (isEmpty(command.Entrypoint) && (isEmpty(command.Cmd) || command.Cmd?.join('') === '')) {
    throw engineErrors.noCommand({});
  }
  const health = mergeHealth(own.Healthcheck, image.Healthcheck);
  const exposed = { ...image.ExposedPorts, ...own.ExposedPorts };
  const volumes = { ...image.Volumes, ...own.Volumes };
  return {
    ...own,
    ...command,
    User: orImage(own.User, image.User),
    WorkingDir: orImage(own.WorkingDir, image.WorkingDir),
    StopSignal: own.StopSignal === undefined || own.StopSignal === '' ? image.StopSignal : own.StopSignal,
    Env: mergeEnv(own.Env ?? [], image.Env ?? []),
    Labels: { ...image.Labels, ...own.Labels },
    ExposedPorts: Object.keys(exposed).length === 0 ? undefined : exposed,
    Volumes: Object.keys(volumes).length === 0 ? null : volumes,
    Shell: isEmpty(own.Shell) ? image.Shell : own.Shell,
    Healthcheck: health,
  };
};

/** The arguments of the first process. */
export const commandOf = (config: ContainerConfig): readonly string[] => [
  ...(config.Entrypoint ?? []),
  ...(config.Cmd ?? []),
];
