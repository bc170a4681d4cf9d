import { expandWord, type ArgInstruction } from '#dockerfile';
import { formatPlatform, type Platform } from '#oci';

/** Values given with `--build-arg`. */
export type BuildArgs = Readonly<Record<string, string | undefined>>;

/** Arguments that RUN gets without an ARG line, and that then leave no trace in history and keys. */
export const PROXY_NAMES: ReadonlySet<string> = new Set(
  ['HTTP_PROXY', 'HTTPS_PROXY', 'FTP_PROXY', 'NO_PROXY', 'ALL_PROXY'].flatMap((name) => [
    name,
    name.toLowerCase(),
  ]),
);

/** Arguments that mean something to the build itself; passing them unused is no mistake. */
export const BUILD_NAMES: ReadonlySet<string> = new Set([
  'SOURCE_DATE_EPOCH',
  'BUILDKIT_BUILD_NAME',
  'BUILDKIT_CACHE_MOUNT_NS',
  'BUILDKIT_CONTEXT_KEEP_GIT_DIR',
  'BUILDKIT_INLINE_CACHE',
  'BUILDKIT_MULTI_PLATFORM',
  'BUILDKIT_SANDBOX_HOSTNAME',
  'BUILDKIT_SYNTAX',
  'BUILDKIT_DOCKERFILE_CHECK',
]);

/** The value of a `--build-arg`, undefined when it was not given one. */
export const givenValue = (buildArgs: BuildArgs, name: string): string | undefined =>
  Object.hasOwn(buildArgs, name) ? buildArgs[name] : undefined;

/** TARGET… and BUILD… of the reference's section on automatic platform arguments. */
export const platformArgs = (build: Platform, target: Platform): Readonly<Record<string, string>> => ({
  BUILDPLATFORM: formatPlatform(build),
  BUILDOS: build.os,
  BUILDARCH: build.architecture,
  BUILDVARIANT: build.variant ?? '',
  TARGETPLATFORM: formatPlatform(target),
  TARGETOS: target.os,
  TARGETARCH: target.architecture,
  TARGETVARIANT: target.variant ?? '',
});

export interface GlobalScope {
  /** Declared before the first FROM; undefined when without any value. */
  readonly declared: ReadonlyMap<string, string | undefined>;
  /** What FROM lines may refer to: declared values and the platform's. */
  readonly values: ReadonlyMap<string, string>;
  /** What was given with `--build-arg`. */
  readonly buildArgs: BuildArgs;
}

/** The scope of the ARG lines before the first FROM. */
export const globalScope = (
  args: readonly ArgInstruction[],
  given: { readonly buildArgs: BuildArgs; readonly automatic: Readonly<Record<string, string>> },
  escape: '\\' | '`',
): GlobalScope => {
  const declared = new Map<string, string | undefined>();
  const values = new Map(
    Object.entries(given.automatic).map(([name, value]) => [
      name,
      givenValue(given.buildArgs, name) ?? value,
    ]),
  );
  for (const { name, value } of args.flatMap((instruction) => instruction.args)) {
    const fallback =
      value === undefined ? values.get(name.value) : expandWord(value.value, values, { escape }).value;
    const own = givenValue(given.buildArgs, name.value) ?? fallback;
    declared.set(name.value, own);
    if (own !== undefined) values.set(name.value, own);
  }
  return { declared, values, buildArgs: given.buildArgs };
};
