import type { ContainerConfig, ImageConfig, Platform } from '#oci';

/** PATH of an image that sets none. */
export const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** `/bin/sh -c`, the shell of an image without SHELL. */
export const DEFAULT_SHELL: readonly string[] = ['/bin/sh', '-c'];

/** What `FROM scratch` starts with. */
export const scratchConfig = (platform: Platform): ImageConfig => ({
  os: platform.os,
  architecture: platform.architecture,
  ...(platform.variant === undefined ? {} : { variant: platform.variant }),
  config: { Env: [`PATH=${DEFAULT_PATH}`], WorkingDir: '/' },
  rootfs: { diffIds: [] },
  history: [],
});

/** The configuration of a base image, with a PATH where it has none: programs in it are found by their names. */
export const withPath = (image: ImageConfig): ImageConfig =>
  envOf(image.config).has('PATH')
    ? image
    : {
        ...image,
        config: { ...image.config, Env: [...(image.config.Env ?? []), `PATH=${DEFAULT_PATH}`] },
      };

/** Environment of a configuration, in its order. */
export const envOf = (config: ContainerConfig): Map<string, string> => {
  const env = new Map<string, string>();
  for (const line of config.Env ?? []) {
    const equals = line.indexOf('=');
    if (equals > 0) env.set(line.slice(0, equals), line.slice(equals + 1));
  }
  return env;
};

/** The command as the image holds it: `shell` before a shell form. */
export const commandOf = (
  command:
    | { readonly form: 'exec'; readonly args: readonly string[] }
    | { readonly form: 'shell'; readonly text: string },
  config: ContainerConfig,
): readonly string[] =>
  command.form === 'exec' ? command.args : [...(config.Shell ?? DEFAULT_SHELL), command.text];

/** Go's `%q` of a list of strings, as history shows commands. */
export const quoteList = (words: readonly string[]): string =>
  `[${words.map((word) => JSON.stringify(word)).join(' ')}]`;
