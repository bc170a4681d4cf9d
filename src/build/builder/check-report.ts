import { isWanted, withComments, type CheckFinding, type Dockerfile } from '#dockerfile';
import type { Emit } from '#events';
import { builderErrors } from './errors.ts';
import type { BuildEvent } from './types.ts';

/** What the build checks of one build found. */
export interface CheckReport {
  readonly findings: readonly CheckFinding[];
  /** Takes a finding, unless the file or a comment before the instruction skips its rule. */
  readonly take: (finding: CheckFinding, comments?: readonly string[]) => void;
  /** Throws when there are findings and the file says that they fail the build (`# check=error=true`). */
  readonly judge: () => void;
}

/** So many findings of one build are told; a file with more has them by the thousand. */
const MAX_TOLD = 1000;

/** A report that begins with what the file's text showed; each finding is told as a warning. */
export const createCheckReport = (file: Dockerfile, emit: Emit<BuildEvent>): CheckReport => {
  const findings: CheckFinding[] = [];
  const add = (finding: CheckFinding): void => {
    findings.push(finding);
    const { rule, message, range } = finding;
    if (findings.length === MAX_TOLD)
      emit({ kind: 'warning', message: `more than ${MAX_TOLD} findings; no more of them are told` });
    if (findings.length >= MAX_TOLD) return;
    emit({ kind: 'warning', message: `${rule}: ${message} (line ${range.start.line})`, range });
  };
  for (const finding of file.findings) add(finding);
  return {
    findings,
    take: (finding, comments = []) => {
      if (isWanted(finding, withComments(file.checks, comments))) add(finding);
    },
    judge: () => {
      if (!file.checks.error || findings.length === 0) return;
      throw builderErrors.checksFailed({ rules: [...new Set(findings.map(({ rule }) => rule))] });
    },
  };
};
