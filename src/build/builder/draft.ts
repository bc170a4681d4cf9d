import { detectSyntax, parseDockerfile, type Dockerfile } from '#dockerfile';
import type { Emit } from '#events';
import type { LayerStore } from '#layers';
import type { Library } from '#library';
import { hostPlatform, parsePlatform, type Platform } from '#oci';
import type { Flights } from '#solver';
import type { OpenContext } from '#sources';
import type { RunTools } from '#steps';
import type { BuildCache } from './cache.ts';
import { outline, type Outline } from './outline.ts';
import type { BuildEvent, BuildRequest } from './types.ts';
import { globalScope, platformArgs, type GlobalScope } from './variables.ts';

/** Everything that one build works with. */
export interface BuildTools {
  readonly library: Library;
  readonly layers: LayerStore;
  readonly cache: BuildCache;
  /** What all builds carry out now, so that none of it is carried out twice at once. */
  readonly flights: Flights;
  readonly run: RunTools;
}

/** A build before its base images are known. */
export interface Draft {
  readonly request: BuildRequest;
  readonly context: OpenContext;
  readonly emit: Emit<BuildEvent>;
  readonly tools: BuildTools;
  readonly file: Dockerfile;
  readonly globals: GlobalScope;
  readonly automatic: Readonly<Record<string, string>>;
  readonly platform: Platform;
  readonly outline: Outline;
}

const warnSyntax = (text: string, emit: Emit<BuildEvent>): void => {
  const syntax = detectSyntax(text);
  if (syntax === undefined || /^(?:docker\.io\/)?docker\/dockerfile(?:-upstream)?(?:[:@]|$)/u.test(syntax))
    return;
  emit({ kind: 'warning', message: `syntax ${syntax} is not used: the built-in Dockerfile language is` });
};

/** Parses the Dockerfile and finds the stages that the target needs. */
export const draftBuild = (
  tools: BuildTools,
  request: BuildRequest,
  context: OpenContext,
  emit: Emit<BuildEvent>,
): Draft => {
  const { name, text } = context.dockerfile;
  warnSyntax(text, emit);
  const file = parseDockerfile(text, { name });
  for (const { rule, message, range } of file.findings) {
    emit({ kind: 'warning', message: `${rule}: ${message}`, range });
  }
  const host = hostPlatform();
  const [first] = request.platforms ?? [];
  const platform = first === undefined || first === '' ? host : parsePlatform(first);
  const automatic = platformArgs(host, platform);
  const globals = globalScope(
    file.globalArgs,
    { buildArgs: request.buildArgs ?? {}, automatic },
    file.escape,
  );
  const found = outline(file, globals, request.target);
  return { request, context, emit, tools, file, globals, automatic, platform, outline: found };
};
