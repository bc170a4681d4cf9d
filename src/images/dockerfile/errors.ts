import { defineErrors } from '#errors';

interface Place {
  /** What is wrong, in one sentence without a full stop. */
  readonly problem: string;
  readonly file: string;
  readonly line: number;
  readonly excerpt: string;
  readonly advice?: string | undefined;
}

const located = (p: Place): string => `${p.file}:${p.line}: ${p.problem}\n${p.excerpt}`;

export const dockerfileErrors = defineErrors('dockerfile', {
  syntax: {
    kind: 'invalid-argument',
    message: located,
    hint: (p: Place) => p.advice ?? 'correct the line and build again',
  },
  unknownInstruction: {
    kind: 'invalid-argument',
    message: located,
    hint: (p: Place) => p.advice ?? 'use one of the 18 instructions of the Dockerfile reference',
  },
  lineTooLong: {
    kind: 'invalid-argument',
    message: (p: { readonly file: string; readonly line: number }) =>
      `${p.file}:${p.line}: the line is longer than 65535 bytes`,
    hint: 'break the line with backslashes, or copy the content from a file',
  },
  empty: {
    kind: 'invalid-argument',
    message: (p: { readonly file: string }) => `${p.file} has no instructions`,
    hint: 'a Dockerfile needs at least one FROM instruction',
  },
  noStage: {
    kind: 'invalid-argument',
    message: (p: { readonly file: string }) => `${p.file} has no build stage`,
    hint: 'begin the Dockerfile with FROM',
  },
  expansion: {
    kind: 'invalid-argument',
    message: (p: { readonly word: string; readonly reason: string }) =>
      `failed to process "${p.word}": ${p.reason}`,
    hint: 'check quotes, braces and the variable in this word',
  },
  pattern: {
    kind: 'invalid-argument',
    message: (p: { readonly pattern: string; readonly reason: string }) =>
      `bad pattern "${p.pattern}": ${p.reason}`,
    hint: 'correct the pattern in .dockerignore or --exclude',
  },
  mount: {
    kind: 'invalid-argument',
    message: (p: { readonly mount: string; readonly reason: string }) =>
      `invalid --mount "${p.mount}": ${p.reason}`,
    hint: 'the form is --mount=type=bind|cache|tmpfs|secret|ssh,key=value,…',
  },
});
