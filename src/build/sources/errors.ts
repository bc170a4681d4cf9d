import { defineErrors } from '#errors';

interface Place {
  readonly file: string;
  readonly line: number;
  readonly excerpt: string;
}

const at = (p: Place): string => `\n${p.file}:${p.line}\n${p.excerpt}`;

export const sourcesErrors = defineErrors('sources', {
  noDockerfile: {
    kind: 'not-found',
    message: (p: { readonly path: string; readonly context: string; readonly nearby?: string | undefined }) =>
      `failed to read Dockerfile: ${p.path} is not in the build context (${p.context})`,
    hint: (p: { readonly nearby?: string | undefined }) =>
      p.nearby === undefined
        ? 'name the file with -f, or build in the directory that holds it'
        : `did you mean ${p.nearby}? Name it with -f`,
  },
  contextNotFound: {
    kind: 'not-found',
    message: (p: { readonly path: string }) => `unable to prepare context: path "${p.path}" not found`,
    hint: 'give a directory that exists on the machine of the daemon',
  },
  contextNotDirectory: {
    kind: 'invalid-argument',
    message: (p: { readonly path: string }) => `unable to prepare context: "${p.path}" is not a directory`,
    hint: 'give the directory that holds the files; the Dockerfile is named with -f',
  },
  unsafeContext: {
    kind: 'invalid-argument',
    message: (p: { readonly path: string }) => `the context archive has an entry outside of it: ${p.path}`,
    hint: 'send an archive with relative paths inside one directory',
  },
  sourceNotFound: {
    kind: 'not-found',
    message: (
      p: Place & {
        readonly source: string;
        readonly where: string;
        readonly advice?: string | undefined;
      },
    ) => `"${p.source}" is not in ${p.where}${at(p)}`,
    hint: (p: { readonly advice?: string | undefined }) =>
      p.advice ?? 'check the path: it counts from the root of the context, not from the Dockerfile',
  },
  sourceIgnored: {
    kind: 'not-found',
    message: (p: Place & { readonly source: string; readonly ignoreFile: string }) =>
      `"${p.source}" is excluded from the build context by ${p.ignoreFile}${at(p)}`,
    hint: (p: { readonly source: string; readonly ignoreFile: string }) =>
      `add the line !${p.source} to ${p.ignoreFile}, or take the pattern out that excludes it`,
  },
  contextChanged: {
    kind: 'conflict',
    message: (p: { readonly path: string }) => `"${p.path}" changed while it was being copied`,
    hint: 'build again once nothing writes to the context',
  },
  remoteContext: {
    kind: 'unsupported',
    message: (p: { readonly url: string }) => `the build context ${p.url} cannot be fetched`,
    hint: 'clone or download it first, and build the directory',
  },
  textTooLarge: {
    kind: 'invalid-argument',
    message: (p: { path: string }) => `${p.path} is larger than 16 MiB`,
    hint: 'is this the right file? Copy large content from files of its own',
  },
});
