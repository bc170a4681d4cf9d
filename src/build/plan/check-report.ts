import { isWanted, withComments, type CheckFinding, type Dockerfile } from '#dockerfile';
import type { Emit } from '#events';
import { planErrors } from './errors.ts';
import type { PlanEvent } from './request.ts';

/** What the build checks of one build found. */
export interface CheckReport {
  readonly findings: readonly CheckFinding[];
  /** Takes a finding, unless the file or a comment before the instruction skips its rule. */
  readonly take: (finding: CheckFinding, comments?: readonly string[]) => void;
  /** Whether more findings would not be kept. */
  readonly isFull: () => boolean;
  /** Throws when there are findings and the file says that they fail the build (`# check=error=true`). */
  readonly judge: () => void;
}

/** So many findings of one build are kept and told; a file with more has them by the thousand. */
const MAX_FINDINGS = 1000;

/** A report that begins with what the file's text showed; each finding is told as a warning. */
export const createCheckReport = (file: Dockerfile, emit: Emit<PlanEvent>): CheckReport => {
  const findings: CheckFinding[] = [];
  const add = (finding: CheckFinding): void => {
    if (findings.length >= MAX_FINDINGS) return;
    findings.push(finding);
    const { rule, message, range } = finding;
    emit({ kind: 'warning', message: `${rule}: ${message} (line ${range.start.line})`, range });
    if (findings.length === MAX_FINDINGS)
      emit({ kind: 'warning', message: `there may be more than ${MAX_FINDINGS} findings; no more are told` });
  };
  for (const finding of file.findings) add(finding);
  return {
    findings,
    isFull: () => findings.length >= MAX_FINDINGS,
    take: (finding, comments = []) => {
      if (isWanted(finding, withComments(file.checks, comments))) add(finding);
    },
    judge: () => {
      if (!file.checks.error || findings.length === 0) return;
      throw planErrors.checksFailed({ rules: [...new Set(findings.map(({ rule }) => rule))] });
    },
  };
};
