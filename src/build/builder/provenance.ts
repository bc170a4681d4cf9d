import { parseReference, repositoryName, type ImageConfig } from '#oci';
import { imageUrl, SLSA_PROVENANCE, statementAbout, type Subject } from '#outputs';
import { parseRemoteContext, withoutPassword, withoutPasswords, type RemoteRequest } from '#sources';
import type { BaseImage } from './base-images.ts';
import type { BuildTools } from './draft.ts';
import type { Lane } from './lanes.ts';
import type { BuildRequest } from './types.ts';

/** Names this kind of build, whose parameters are described in docs/building.md. */
const BUILD_TYPE = 'urn:lade:build:dockerfile:v1';
const BUILDER_ID = 'urn:lade:builder';

/** Something that a build took (SLSA v1, ResourceDescriptor). */
export interface Material {
  readonly uri: string;
  readonly digest: Readonly<Record<string, string>>;
}

export interface ProvenanceInput {
  readonly tools: BuildTools;
  readonly request: BuildRequest;
  readonly lane: Lane;
  /** Names the build in the history. */
  readonly buildId: string;
  readonly startedAt: Date;
  readonly finishedAt: Date;
}

const hexOf = (digest: string): string => digest.slice(digest.indexOf(':') + 1);

const platformText = ({ os, architecture, variant }: ImageConfig): string =>
  [os, architecture, ...(variant === undefined ? [] : [variant])].join('/');

/** An image by the manifest that it came with; by its configuration where it never had one. */
const imageMaterial = ({ library }: BuildTools, name: string, base: BaseImage): Material => {
  const reference = parseReference(name);
  const { repoDigests, record } = library.resolve(base.id);
  const repository = repositoryName(reference);
  const named = repoDigests
    .map((text) => parseReference(text, { defaultTag: false }))
    .find((one) => repositoryName(one) === repository)?.digest;
  const digest = named ?? record.manifests[0]?.digest;
  return {
    uri: imageUrl(reference, platformText(base.config), digest),
    digest: { sha256: hexOf(digest ?? base.id) },
  };
};

const imageMaterials = (tools: BuildTools, { draft, bases }: Lane): readonly Material[] => {
  const ofStages = draft.outline.needed.flatMap(({ index, base }) => {
    const image = bases.byStage.get(index);
    return image === undefined || base.kind !== 'image' ? [] : [imageMaterial(tools, base.reference, image)];
  });
  const others = Array.from(bases.byReference, ([name, image]) => imageMaterial(tools, name, image));
  return [...ofStages, ...others];
};

/** What the steps and the context fetched from elsewhere. */
const remoteRequests = ({ context }: BuildRequest, { plan }: Lane): readonly RemoteRequest[] => {
  const added = [...plan.planned.values()].flatMap(({ steps }) =>
    steps.flatMap(({ operation }) => (operation?.kind === 'copy' ? [...operation.remotes.values()] : [])),
  );
  const reference = context.kind === 'remote' ? parseRemoteContext(context.url) : undefined;
  return reference === undefined ? added : [{ reference }, ...added];
};

const DIGITS = /(?:^|[^0-9a-f])([0-9a-f]{64}|[0-9a-f]{40})(?:[^0-9a-f]|$)/u;

const remoteMaterial = async (
  { run }: BuildTools,
  request: RemoteRequest,
  signal: AbortSignal,
): Promise<readonly Material[]> => {
  const { reference } = request;
  const parts = await run.remote.identify(request, signal);
  const hex = parts.map(({ value }) => DIGITS.exec(value)?.[1]).find((found) => found !== undefined);
  if (hex === undefined) return [];
  if (reference.kind === 'http') return [{ uri: withoutPassword(reference.url), digest: { sha256: hex } }];
  const ref = reference.ref === undefined ? '' : `#${reference.ref}`;
  const uri = `${withoutPassword(reference.remote)}${ref}`;
  return [{ uri, digest: hex.length === 40 ? { sha1: hex } : { sha256: hex } }];
};

const materialsOf = async ({ tools, request, lane }: ProvenanceInput): Promise<readonly Material[]> => {
  const signal = request.signal ?? new AbortController().signal;
  const remote: Material[] = [];
  for (const one of remoteRequests(request, lane)) remote.push(...(await remoteMaterial(tools, one, signal)));
  const all = [...imageMaterials(tools, lane), ...remote];
  return [...new Map(all.map((material) => [material.uri, material])).values()];
};

const given = (fields: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined && value !== false));

const prefixed = (
  prefix: string,
  values: Readonly<Record<string, string | undefined>> = {},
): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(values).map(([key, value]) => [`${prefix}:${key}`, value ?? '']));

/** What was asked for. Contents of secrets and agents are never part of it; values of arguments only with `max`. */
const parametersOf = ({ request, lane }: ProvenanceInput, isMax: boolean) => {
  const { context, dockerfile, target, noCache, network, extraHosts, squash } = request;
  const path = typeof dockerfile === 'string' ? dockerfile : 'Dockerfile';
  const source = context.kind === 'remote' ? { uri: withoutPassword(context.url) } : {};
  const secrets = Object.keys(request.secrets ?? {}).map((id) => ({ id }));
  const ssh = Object.keys(request.ssh ?? {}).map((id) => ({ id }));
  const locals = context.kind === 'remote' ? undefined : [{ name: 'context' }, { name: 'dockerfile' }];
  const hosts = (extraHosts ?? []).length === 0 ? undefined : extraHosts;
  const args = {
    ...given({ target, 'no-cache': noCache, network, 'add-hosts': hosts, squash }),
    ...(isMax ? { ...prefixed('build-arg', request.buildArgs), ...prefixed('label', request.labels) } : {}),
  };
  return {
    configSource: { ...source, path },
    request: {
      frontend: 'dockerfile.v0',
      platform: lane.platform,
      args,
      ...given({
        secrets: secrets.length === 0 ? undefined : secrets,
        ssh: ssh.length === 0 ? undefined : ssh,
        locals,
      }),
    },
  };
};

const stepsOf = ({ plan }: Lane) =>
  [...plan.planned.values()].map(({ outlined, steps }) => ({
    stage: outlined.name,
    instructions: steps.map(({ written, createdBy }) => written ?? createdBy),
  }));

/** A text without contents of secrets and without passwords in URLs. */
const mask = (text: string, secrets: readonly string[]): string =>
  secrets.reduce((masked, secret) => masked.replaceAll(secret, '***'), withoutPasswords(text));

const masked = <T>(value: T, secrets: readonly string[]): T => {
  const text = JSON.stringify(value, (_key, each: unknown) =>
    typeof each === 'string' ? mask(each, secrets) : each,
  );
  return JSON.parse(text) as T;
};

/** Contents long enough to be told from ordinary text. */
const secretTexts = ({ secrets = {} }: BuildRequest): readonly string[] =>
  Object.values(secrets)
    .flatMap((bytes) => {
      const text = Buffer.from(bytes).toString();
      return [text, text.trim()];
    })
    .filter((text) => text.length >= 4);

/** Whether steps may have taken more than the materials say. */
const isOpen = ({ request, lane }: ProvenanceInput): boolean =>
  request.context.kind !== 'remote' ||
  [...lane.plan.planned.values()].some(({ steps }) =>
    steps.some(
      ({ operation }) =>
        operation?.kind === 'run' && operation.network !== 'none' && request.network !== 'none',
    ),
  );

/** The predicate of SLSA provenance v1. */
export const provenanceOf = async (
  input: ProvenanceInput,
  mode: 'min' | 'max',
): Promise<Readonly<Record<string, unknown>>> => {
  const { request, lane, buildId, startedAt, finishedAt } = input;
  const isMax = mode === 'max';
  const { name, text } = lane.draft.context.dockerfile;
  const source = { filename: name, language: 'Dockerfile', data: mask(text, secretTexts(request)) };
  const predicate = {
    buildDefinition: {
      buildType: BUILD_TYPE,
      externalParameters: parametersOf(input, isMax),
      internalParameters: {
        builderPlatform: lane.draft.automatic['BUILDPLATFORM'],
        ...(isMax ? { buildConfig: stepsOf(lane) } : {}),
      },
      resolvedDependencies: await materialsOf(input),
    },
    runDetails: {
      builder: { id: BUILDER_ID },
      metadata: {
        invocationId: buildId,
        startedOn: startedAt.toISOString(),
        finishedOn: finishedAt.toISOString(),
        lade_completeness: { request: isMax, resolvedDependencies: !isOpen(input) },
        lade_reproducible: request.attestations?.reproducible ?? false,
        ...(isMax ? { lade_source: source } : {}),
      },
    },
  };
  return masked(predicate, secretTexts(request));
};

/** The provenance of an image as a statement. */
export const provenanceStatement = (subject: Subject, predicate: object) =>
  statementAbout(subject, { predicateType: SLSA_PROVENANCE, predicate });
