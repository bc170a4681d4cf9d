import { defineErrors } from '#errors';

interface Fault {
  readonly value: string;
  readonly reason: string;
}

export const ociErrors = defineErrors('oci', {
  invalidDigest: {
    kind: 'invalid-argument',
    message: (p: Fault) => `invalid digest ${JSON.stringify(p.value)}: ${p.reason}`,
    hint: 'a digest is `sha256:` and 64 lower-case hexadecimal digits, or `sha512:` and 128',
  },
  invalidReference: {
    kind: 'invalid-argument',
    message: (p: Fault) => p.reason,
    hint: (p: Fault) =>
      `${JSON.stringify(p.value)} is not of the form [HOST[:PORT]/]NAME[:TAG][@DIGEST], with NAME in lower case`,
  },
  invalidPlatform: {
    kind: 'invalid-argument',
    message: (p: Fault) => `invalid platform ${JSON.stringify(p.value)}: ${p.reason}`,
    hint: 'write OS/ARCHITECTURE[/VARIANT], such as linux/amd64 or linux/arm/v7',
  },
  invalidManifest: {
    kind: 'invalid-argument',
    message: (p: { readonly reason: string }) => `invalid manifest: ${p.reason}`,
    hint: 'the image was written wrongly; push it again with the tool that made it',
  },
  schemaOneManifest: {
    kind: 'unsupported',
    message: () =>
      'this is a Docker schema 1 manifest, a form that was retired in 2017 and has no verifiable layers',
    hint: 'convert it once with `skopeo copy --format v2s2 docker://OLD docker://NEW`, or pull and push it with Docker 20.10, then take the new one',
  },
  unknownManifestType: {
    kind: 'unsupported',
    message: (p: { readonly mediaType: string }) =>
      `manifests of media type ${p.mediaType} are not supported`,
    hint: 'image manifests and indexes of OCI and Docker (schema 2) are',
  },
  invalidImageConfig: {
    kind: 'invalid-argument',
    message: (p: { readonly reason: string }) => `invalid image configuration: ${p.reason}`,
    hint: 'the image was written wrongly; build or push it again with the tool that made it',
  },
});
