import { defineErrors } from '#errors';

interface Place {
  readonly file: string;
  readonly line: number;
  readonly excerpt: string;
}

const at = (p: Place): string => `\n${p.file}:${p.line}\n${p.excerpt}`;

export const builderErrors = defineErrors('builder', {
  unknownTarget: {
    kind: 'not-found',
    message: (p: {
      readonly target: string;
      readonly stages: readonly string[];
      readonly nearby?: string | undefined;
    }) => `target stage "${p.target}" could not be found`,
    hint: (p: { readonly stages: readonly string[]; readonly nearby?: string | undefined }) =>
      p.nearby === undefined
        ? `the stages are: ${p.stages.slice(0, 50).join(', ')}`
        : `did you mean ${p.nearby}?`,
  },
  blankBase: {
    kind: 'invalid-argument',
    message: (p: Place & { readonly word: string }) => `base name (${p.word}) should not be blank${at(p)}`,
    hint: 'give the ARG a default before the first FROM, or pass it with --build-arg',
  },
  badEpoch: {
    kind: 'invalid-argument',
    message: (p: { readonly value: string }) => `invalid SOURCE_DATE_EPOCH: ${p.value}`,
    hint: 'give whole seconds since 1970, such as $(git log -1 --pretty=%ct), or nothing to keep all times',
  },
  planTooLarge: {
    kind: 'invalid-argument',
    message: (p: { readonly limit: number }) =>
      `the Dockerfile makes an image whose variables and history have more than ${p.limit} characters`,
    hint: 'use fewer or shorter variables, and join instructions',
  },
  tooManySteps: {
    kind: 'invalid-argument',
    message: (p: { readonly limit: number }) => `the target needs more than ${p.limit} instructions`,
    hint: 'join instructions: LABEL, ENV, ARG and EXPOSE take many words each, RUN many commands',
  },
  tooManyLayers: {
    kind: 'invalid-argument',
    message: (p: Place & { readonly stage: string; readonly limit: number }) =>
      `stage ${p.stage} would have more than ${p.limit} layers, which is as many as the kernel can stack${at(p)}`,
    hint: 'copy several files by one instruction, or gather them in another stage and copy them from there',
  },
  configTooLarge: {
    kind: 'invalid-argument',
    message: (p: { readonly limit: number }) =>
      `the configuration of the image would have more than ${p.limit} bytes`,
    hint: 'join instructions: each one is a line of the history; or leave labels and variables out',
  },
  checksFailed: {
    kind: 'failed-precondition',
    message: (p: { readonly rules: readonly string[] }) =>
      `lint violation found for rules: ${p.rules.join(', ')}`,
    hint: 'correct what the warnings name, or take error=true out of the # check directive',
  },
  baseNotFound: {
    kind: 'not-found',
    message: (
      p: Place & {
        readonly reference: string;
        readonly reason: string;
        readonly nearby?: string | undefined;
      },
    ) => `there is no base image ${p.reference}: ${p.reason}${at(p)}`,
    hint: (p: { readonly nearby?: string | undefined }) =>
      p.nearby === undefined
        ? 'check its name and tag, log in when it is private, or import it first'
        : `did you mean the stage ${p.nearby}?`,
  },
  baseUnavailable: {
    kind: 'unavailable',
    message: (
      p: Place & {
        readonly reference: string;
        readonly reason: string;
        readonly nearby?: string | undefined;
      },
    ) => `cannot fetch the base image ${p.reference}: ${p.reason}${at(p)}`,
    hint: (p: { readonly nearby?: string | undefined }) =>
      p.nearby === undefined
        ? 'it is not on this machine: check the network and the name, or import it first'
        : `did you mean the stage ${p.nearby}?`,
  },
  unknownPlatform: {
    kind: 'invalid-argument',
    message: (p: { readonly platform: string }) => `there is no platform ${p.platform}`,
    hint: 'write OS/ARCHITECTURE[/VARIANT], such as linux/amd64, linux/arm64 or linux/arm/v7',
  },
  badContext: {
    kind: 'invalid-argument',
    message: (p: { readonly name: string; readonly problem: string }) =>
      `the build context ${p.name} cannot be used: ${p.problem}`,
    hint: 'write --build-context NAME=DIRECTORY, =URL, =docker-image://IMAGE, =oci-layout://PATH[:TAG] or =target:STAGE',
  },
  unknownBuild: {
    kind: 'not-found',
    message: (p: { readonly build: string }) => `there is no build ${p.build}`,
    hint: 'lade builder history shows the builds that are remembered',
  },
  ambiguousBuild: {
    kind: 'invalid-argument',
    message: (p: { readonly build: string; readonly ids: readonly string[] }) =>
      `several builds begin with ${p.build}: ${p.ids.slice(0, 5).join(', ')}`,
    hint: 'give more digits of its ID',
  },
  noCacheArtifact: {
    kind: 'failed-precondition',
    message: (p: { readonly reference: string }) => `${p.reference} is not a cache of build steps`,
    hint: 'name what lade cache export pushed',
  },
  nothingKept: {
    kind: 'not-found',
    message: (p: { readonly build: string }) => `nothing is kept of a failed step of build ${p.build}`,
    hint: 'build again with --debug; a failed step is kept for half an hour, or until its shell is closed',
  },
  buildRuns: {
    kind: 'conflict',
    message: (p: { readonly id: string }) => `build ${p.id} still runs`,
    hint: 'wait for its end, or interrupt it where it was started',
  },
  badCache: {
    kind: 'corrupt',
    message: (p: { readonly reason: string }) => `it is no usable build cache: ${p.reason}`,
    hint: 'write it again with --cache-to, or leave the --cache-from out',
  },
  cacheNotWritten: {
    kind: 'unavailable',
    message: (p: { readonly place: string; readonly reason: string }) =>
      `cannot write the build cache to ${p.place}: ${p.reason}`,
    hint: 'check the name, the login and the space there; the image itself was made',
  },
});
