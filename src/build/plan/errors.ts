import { shownPlace, type Place } from '#dockerfile';
import { defineErrors } from '#errors';

/** Users know the errors of a build by one name: codes begin with `BUILDER_`. */
export const planErrors = defineErrors('builder', {
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
    message: (p: Place & { readonly word: string }) =>
      `base name (${p.word}) should not be blank${shownPlace(p)}`,
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
  tooManyOperations: {
    kind: 'invalid-argument',
    message: (p: { readonly limit: number }) =>
      `the target needs more than ${p.limit} instructions that work on files`,
    hint: 'copy several files by one COPY, join commands in one RUN, or build parts as images of their own',
  },
  tooManyLayers: {
    kind: 'invalid-argument',
    message: (p: Place & { readonly stage: string; readonly limit: number }) =>
      `stage ${p.stage} would have more than ${p.limit} layers, which is as many as the kernel can stack${shownPlace(p)}`,
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
});
