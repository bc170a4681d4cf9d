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
  /** When the registry wants to be asked again. */
  readonly retryAfterMs?: number | undefined;
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
  platformMissing: {
    kind: 'not-found',
    message: (p: At & { wanted: string; offered: string }) =>
      `no image for ${p.wanted} in the index; it has ${p.offered}`,
    hint: 'choose one of these with --platform, or copy the whole index without it',
  },
  copyPromised: {
    kind: 'invalid-argument',
    message: (p: { promised: string; actual: string }) =>
      `what is copied has the digest ${p.actual}, and cannot go under ${p.promised}`,
    hint: 'name the copy NAME[:TAG]; its digest comes from its content',
  },
  hostsFileInvalid: {
    kind: 'invalid-argument',
    message: (p: { path: string; line: number; problem: string }) => `${p.path}:${p.line}: ${p.problem}`,
    hint: 'docs/registries.md describes the file; correct it, or name another with --registries',
  },
  hostsFileUnreadable: {
    kind: 'invalid-argument',
    message: (p: { path: string; problem: string }) => `cannot read ${p.path}: ${p.problem}`,
    hint: 'name a file that exists with --registries, or leave the option out',
  },
  hostsOptionInvalid: {
    kind: 'invalid-argument',
    message: (p: { option: string; value: string; problem: string }) =>
      `invalid value "${p.value}" of ${p.option}: ${p.problem}`,
    hint: 'give --registry-mirror a URL such as https://mirror.example, --insecure-registry a HOST[:PORT] or a range',
  },
  certificateUnreadable: {
    kind: 'failed-precondition',
    message: (p: { path: string; problem: string }) => `cannot read ${p.path}: ${p.problem}`,
    hint: 'check that the file exists and is readable for the daemon, or correct the configuration of this registry',
  },
  certificateAlone: {
    kind: 'failed-precondition',
    message: (p: { path: string; missing: string }) => `${p.path} needs ${p.missing} beside it`,
    hint: "a client's certificate ends in .cert and has a .key of the same name; an authority's ends in .crt",
  },
  untrustedCertificate: {
    kind: 'failed-precondition',
    message: (p: At & { reason: string }) => `the certificate of ${p.host} is not trusted: ${p.reason}`,
    hint: (p: At) =>
      `put its issuer's certificate into /etc/lade/certs.d/${p.host}/ca.crt, or mark the registry as insecure`,
  },
  clientCertificateWanted: {
    kind: 'permission-denied',
    message: (p: At & { reason: string }) =>
      `${p.host} wants a client certificate, or does not accept ours: ${p.reason}`,
    hint: (p: At) =>
      `put a certificate it trusts and its key into /etc/lade/certs.d/${p.host}/ as client.cert and client.key`,
  },
  insecureRealm: {
    kind: 'failed-precondition',
    message: (p: At & { realm: string }) =>
      `${p.host} wants credentials to be sent over plain HTTP (${p.realm})`,
    hint: 'mark the registry as insecure if that is meant',
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
