import { shownPlace, type Place } from '#dockerfile';
import { defineErrors } from '#errors';

/** A base image that could not be had. */
interface LackingBase extends Place {
  readonly reference: string;
  readonly reason: string;
  /** A stage whose name is nearly that. */
  readonly nearby?: string | undefined;
}

const orNearby = ({ nearby }: LackingBase, advice: string): string =>
  nearby === undefined ? advice : `did you mean the stage ${nearby}?`;

export const builderErrors = defineErrors('builder', {
  baseNotFound: {
    kind: 'not-found',
    message: (p: LackingBase) => `there is no base image ${p.reference}: ${p.reason}${shownPlace(p)}`,
    hint: (p: LackingBase) =>
      orNearby(p, 'check its name and tag, log in when it is private, or import it first'),
  },
  baseUnavailable: {
    kind: 'unavailable',
    message: (p: LackingBase) => `cannot fetch the base image ${p.reference}: ${p.reason}${shownPlace(p)}`,
    hint: (p: LackingBase) =>
      orNearby(p, 'it is not on this machine: check the network and the name, or import it first'),
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
  badSetting: {
    kind: 'invalid-argument',
    message: (p: { readonly name: string; readonly value: string }) =>
      `invalid boolean value for the build argument ${p.name}: ${JSON.stringify(p.value)}`,
    hint: 'give it 1 or 0, or leave it out',
  },
  nothingKept: {
    kind: 'not-found',
    message: (p: { readonly build: string }) => `nothing is kept of a failed step of build ${p.build}`,
    hint: 'build again with --debug; a failed step is kept for half an hour, or until its shell is closed',
  },
});
