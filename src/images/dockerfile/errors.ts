import { defineErrors } from '#errors';
import { shownPlace, type Place } from './place.ts';

interface Fault extends Place {
  /** What is wrong, in one sentence without a full stop. */
  readonly problem: string;
  readonly advice?: string | undefined;
}

const located = (p: Fault): string =>
  `dockerfile parse error on line ${p.line}: ${p.problem}${shownPlace(p)}`;

export const dockerfileErrors = defineErrors('dockerfile', {
  syntax: {
    kind: 'invalid-argument',
    message: located,
    hint: (p: Fault) => p.advice ?? 'correct the line and build again',
  },
  unknownInstruction: {
    kind: 'invalid-argument',
    message: located,
    hint: (p: Fault) => p.advice ?? 'use one of the 18 instructions of the Dockerfile reference',
  },
  lineTooLong: {
    kind: 'invalid-argument',
    message: (p: { readonly file: string; readonly line: number }) =>
      `dockerfile line greater than max allowed size of 65535 (${p.file}:${p.line})`,
    hint: 'break the line with backslashes, or copy the content from a file',
  },
  tooLarge: {
    kind: 'invalid-argument',
    message: (p: { readonly file: string; readonly size: number; readonly limit: number }) =>
      `${p.file} has ${p.size} characters, more than ${p.limit}`,
    hint: 'copy large content from a file instead of a here-document',
  },
  tooManyLines: {
    kind: 'invalid-argument',
    message: (p: { readonly file: string; readonly limit: number }) =>
      `${p.file} has more than ${p.limit} lines`,
    hint: 'is this the right file? Copy large content from a file instead of a here-document',
  },
  trigger: {
    kind: 'invalid-argument',
    message: (p: { readonly expression: string }) =>
      `onbuild trigger should be a single expression: ${p.expression.slice(0, 200)}`,
    hint: 'the base image holds it; correct the ONBUILD line that it was built from',
  },
  checkOption: {
    kind: 'invalid-argument',
    message: (p: { readonly option: string }) =>
      `failed to parse check options: invalid check option "${p.option}"`,
    hint: 'the form is # check=skip=RuleA,RuleB;error=true;experimental=all',
  },
  empty: {
    kind: 'invalid-argument',
    message: (p: { readonly file: string }) => `file with no instructions: ${p.file}`,
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
  tooManyPatterns: {
    kind: 'invalid-argument',
    message: (p: { readonly patterns: number; readonly bytes: number }) =>
      `there are more than ${p.patterns} patterns or ${p.bytes} bytes of them`,
    hint: 'leave out directories instead of their files in .dockerignore or --exclude',
  },
  mount: {
    kind: 'invalid-argument',
    message: (p: { readonly mount: string; readonly reason: string }) =>
      `invalid --mount "${p.mount}": ${p.reason}`,
    hint: 'the form is --mount=type=bind|cache|tmpfs|secret|ssh,key=value,…',
  },
});
