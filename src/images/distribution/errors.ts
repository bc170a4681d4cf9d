import { defineErrors } from '#errors';

interface At {
  readonly host: string;
}
interface Named extends At {
  readonly name: string;
}
interface Refusal extends At {
  readonly status: number;
  readonly reason: string;
}

/** Errors of talking to registries. */
export const distributionErrors = defineErrors('distribution', {
  unauthorized: {
    kind: 'unauthenticated',
    message: (p: At & { reason: string }) => `unauthorized: ${p.reason}`,
    hint: (p: At) => `run \`lade login ${p.host}\`, or check the name and your access rights`,
  },
  denied: {
    kind: 'permission-denied',
    message: (p: Named & { reason: string }) => `access to ${p.name} denied: ${p.reason}`,
    hint: (p: At) => `ask for the rights, or run \`lade login ${p.host}\` as somebody who has them`,
  },
  manifestNotFound: {
    kind: 'not-found',
    message: (p: Named) => `manifest for ${p.name} not found: manifest unknown`,
    hint: 'check the name and the tag',
  },
  repositoryNotFound: {
    kind: 'not-found',
    message: (p: Named) => `repository ${p.name} not found: it does not exist or needs a login`,
    hint: (p: At) => `check the name; run \`lade login ${p.host}\` if it is private`,
  },
  blobNotFound: {
    kind: 'not-found',
    message: (p: Named & { digest: string }) => `${p.name} has no blob ${p.digest}: blob unknown`,
    hint: 'push the image again: its registry lost a part of it',
  },
  digestMismatch: {
    kind: 'corrupt',
    message: (p: Named & { expected: string; actual: string }) =>
      `${p.name}: content has digest ${p.actual}, expected ${p.expected}`,
    hint: 'try again; if it happens again, the registry or something on the way alters content',
  },
  sizeMismatch: {
    kind: 'corrupt',
    message: (p: Named & { expected: number; actual: number }) =>
      `${p.name}: content has ${p.actual} bytes, expected ${p.expected}`,
    hint: 'try again; if it happens again, the registry or something on the way alters content',
  },
  manifestTooLarge: {
    kind: 'invalid-argument',
    message: (p: Named & { limit: number }) => `the manifest of ${p.name} is larger than ${p.limit} bytes`,
  },
  rateLimited: {
    kind: 'unavailable',
    message: (p: Refusal) => `${p.host} limits the rate of requests: ${p.reason}`,
    hint: (p: At) => `wait and try again, or run \`lade login ${p.host}\` for a higher limit`,
  },
  registryFailed: {
    kind: 'unavailable',
    message: (p: Refusal) => `${p.host} answered ${p.status}: ${p.reason}`,
    hint: 'try again later; the registry has trouble',
  },
  refused: {
    kind: 'failed-precondition',
    message: (p: Refusal) => `${p.host} refused the request (${p.status}): ${p.reason}`,
  },
  notARegistry: {
    kind: 'failed-precondition',
    message: (p: Refusal) => `${p.host} does not answer as a registry (${p.status}): ${p.reason}`,
    hint: 'check the host and the port of the name',
  },
  unreadableAnswer: {
    kind: 'unavailable',
    message: (p: At & { reason: string }) => `${p.host} sent an answer that cannot be read: ${p.reason}`,
    hint: 'check that the host is a registry and that no proxy answers in its place',
  },
  insecureRedirect: {
    kind: 'failed-precondition',
    message: (p: At & { location: string }) => `${p.host} redirects to plain HTTP (${p.location})`,
    hint: 'mark the registry as insecure if that is meant',
  },
  tooManyRedirects: {
    kind: 'unavailable',
    message: (p: At) => `${p.host} redirects too often`,
  },
});
