import { defineErrors } from '#errors';

interface Place {
  readonly file: string;
  readonly line: number;
  readonly excerpt: string;
}

const at = (p: Place): string => `\n${p.file}:${p.line}\n${p.excerpt}`;

export const builderErrors = defineErrors('builder', {
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
  nothingKept: {
    kind: 'not-found',
    message: (p: { readonly build: string }) => `nothing is kept of a failed step of build ${p.build}`,
    hint: 'build again with --debug; a failed step is kept for half an hour, or until its shell is closed',
  },
});
