import type { Context } from 'hono';
import { apiErrors, parseJsonParameter, parseWhole } from '#api';
import type { BuildContext, BuildRequest } from '#builder';
import { authLookup, undefinedForNull, type BuildDefaults } from './build-request.ts';
import { daemonErrors } from './errors.ts';
import { flag, textOf } from './request.ts';

type Shape = 'map' | 'list';

const SHAPES: Readonly<Record<Shape, (value: unknown) => boolean>> = {
  map: (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
  list: (value) => Array.isArray(value),
};

/** A parameter that carries JSON; null, as Go writes what is empty, is absent. */
const jsonOf = (c: Context, name: string, shape: Shape): unknown => {
  const text = textOf(c, name);
  const parsed = text === undefined ? null : parseJsonParameter(name, text);
  if (parsed === null) return undefined;
  if (SHAPES[shape](parsed)) return parsed;
  throw apiErrors.parameterInvalid({ name, value: text ?? '', expected: `a JSON ${shape}` });
};

/** A JSON map whose values are texts; null values only where they mean something. */
const textMap = (c: Context, name: string, nulls: boolean): Readonly<Record<string, string | null>> => {
  const map = (jsonOf(c, name, 'map') ?? {}) as Readonly<Record<string, unknown>>;
  const odd = Object.entries(map).find(
    ([, value]) => typeof value !== 'string' && !(nulls && value === null),
  );
  if (odd !== undefined)
    throw apiErrors.parameterInvalid({
      name,
      value: JSON.stringify(odd[1]),
      expected: 'a JSON map of texts',
    });
  return map as Readonly<Record<string, string | null>>;
};

const refuse = (option: string, reason: string): Error => daemonErrors.optionUnsupported({ option, reason });

const EMPTY = new Set(['', 'null', '[]', '{}']);

/** Options whose silent neglect would build something else, or with other powers, than was asked for. */
const refuseUnsupported = (c: Context): void => {
  const security = c.req.query('securityopt') ?? '';
  if (!EMPTY.has(security)) throw refuse('securityopt', 'RUN steps use the default profile');
  const isolation = c.req.query('isolation') ?? '';
  if (isolation !== '' && isolation !== 'default')
    throw refuse(`isolation ${isolation}`, 'it is for Windows only');
};

/** 1 is Docker's classic builder, 2 is BuildKit. */
export type BuildVersion = 1 | 2;

/**
 * Which builder's output the client reads.
 *
 * @throws DAEMON_SESSION_UNSUPPORTED where BuildKit is to read the context through a session
 */
export const buildVersionOf = (c: Context): BuildVersion => {
  const version = c.req.query('version') ?? '';
  if (version === '' || version === '1') return 1;
  if (version !== '2')
    throw apiErrors.parameterInvalid({ name: 'version', value: version, expected: '1 or 2' });
  if (textOf(c, 'session') !== undefined || c.req.query('remote') === 'client-session')
    throw daemonErrors.sessionUnsupported({});
  return 2;
};

const networkOf = (value: string | undefined): BuildRequest['network'] => {
  if (value === undefined || value === 'default' || value === 'bridge') return 'default';
  if (value.startsWith('container:'))
    throw refuse(`network mode ${value}`, 'RUN steps use default, none, host or the name of a network');
  return value;
};

const ulimitOf = (entry: unknown): { name: string; soft: number; hard: number } => {
  const { Name, Soft, Hard } = (typeof entry === 'object' && entry !== null ? entry : {}) as Record<
    string,
    unknown
  >;
  if (typeof Name === 'string' && typeof Soft === 'number' && typeof Hard === 'number')
    return { name: Name, soft: Soft, hard: Hard };
  throw apiErrors.parameterInvalid({
    name: 'ulimits',
    value: JSON.stringify(entry),
    expected: 'a list of {"Name","Soft","Hard"}',
  });
};

/** Clients send zeros for what is not limited. */
const limitOf = (c: Context, name: string): number | undefined => {
  const value = parseWhole(name, c.req.query(name));
  return value === 0 ? undefined : value;
};

const limitsOf = (c: Context): BuildRequest['limits'] => {
  const ulimits = ((jsonOf(c, 'ulimits', 'list') ?? []) as readonly unknown[]).map(ulimitOf);
  const limits = {
    memoryBytes: limitOf(c, 'memory'),
    memorySwapBytes: limitOf(c, 'memswap'),
    cpuShares: limitOf(c, 'cpushares'),
    cpuQuotaUs: limitOf(c, 'cpuquota'),
    cpuPeriodUs: limitOf(c, 'cpuperiod'),
    cpusetCpus: textOf(c, 'cpusetcpus'),
    cpusetMems: textOf(c, 'cpusetmems'),
    cgroupParent: textOf(c, 'cgroupparent'),
    ulimits: ulimits.length === 0 ? undefined : ulimits,
  };
  return Object.values(limits).every((value) => value === undefined) ? undefined : limits;
};

type OutputSpecs = NonNullable<BuildRequest['outputs']>;

/** BuildKit's outputs, without those that travel through a session. */
const outputsOf = (c: Context, version: BuildVersion, tags: readonly string[]): OutputSpecs | undefined => {
  const entries = (jsonOf(c, 'outputs', 'list') ?? []) as readonly { readonly Type?: unknown }[];
  if (entries.length === 0) return undefined;
  if (version === 1) throw refuse('outputs', 'the classic builder makes images; BuildKit is API version=2');
  return entries.map(({ Type }) => {
    if (Type === 'cacheonly') return { kind: 'cacheonly' };
    if (Type === 'moby' || Type === 'image' || Type === 'docker')
      return { kind: 'image', names: tags, push: false };
    throw refuse(`output ${String(Type)}`, 'files come back through a session; use lade build --output');
  });
};

const listOf = (c: Context, name: string): readonly string[] =>
  (c.req.queries(name) ?? []).filter((value) => value !== '');

const cacheFromOf = (c: Context): BuildRequest['cacheFrom'] => {
  const names = (jsonOf(c, 'cachefrom', 'list') ?? []) as readonly unknown[];
  return names.map((name) => ({ kind: 'registry', reference: String(name), mode: 'min' }));
};

/** The context of POST /build: what `remote` names, else the archive in the body. */
export const dockerContext = (c: Context, archive: Extract<BuildContext, { kind: 'tar' }>): BuildContext => {
  const url = textOf(c, 'remote');
  return url === undefined ? archive : { kind: 'remote', url };
};

/** POST /build as a request to the builder. */
export const fromDockerQuery = (
  c: Context,
  context: BuildContext,
  defaults: BuildDefaults,
  signal: AbortSignal,
): BuildRequest => {
  const version = buildVersionOf(c);
  refuseUnsupported(c);
  const tags = listOf(c, 't');
  const shmSizeBytes = limitOf(c, 'shmsize');
  return {
    context,
    dockerfile: textOf(c, 'dockerfile'),
    tags,
    buildArgs: undefinedForNull(textMap(c, 'buildargs', true)),
    labels: textMap(c, 'labels', false) as Readonly<Record<string, string>>,
    target: textOf(c, 'target'),
    platforms: textOf(c, 'platform')?.split(',') ?? [],
    noCache: flag(c, 'nocache'),
    cacheFrom: cacheFromOf(c),
    pull: flag(c, 'pull'),
    network: networkOf(textOf(c, 'networkmode')),
    hostCa: defaults.hostCa,
    proxies: defaults.proxies,
    extraHosts: listOf(c, 'extrahosts'),
    shmSizeBytes,
    limits: limitsOf(c),
    squash: flag(c, 'squash'),
    outputs: outputsOf(c, version, tags),
    auth: authLookup(c.req.header('x-registry-config')),
    signal,
  };
};
