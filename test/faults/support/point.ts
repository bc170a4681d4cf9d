import { setTimeout as sleep } from 'node:timers/promises';
import { once } from 'node:events';
import type { Answer } from './api.ts';
import type { Attempt } from './operations.ts';
import type { Site } from './site.ts';
import { attach, injectionArgs, type Injection } from './strace.ts';
import { invariants, outcome, type Finding } from './verify.ts';

export interface PointResult {
  /** Whether the fault came before the answer; a point that missed counts for nothing. */
  readonly met: boolean;
  readonly findings: readonly Finding[];
}

/** A connection that broke belongs to a daemon that is about to have ended. */
const DEATH_MS = 1000;

const daemonOf = (site: Site) => site.machine.daemon.child;

const hasEnded = (site: Site): boolean =>
  daemonOf(site).exitCode !== null || daemonOf(site).signalCode !== null;

/** Findings that go by themselves within a few seconds, such as what is swept behind the scenes, are none. */
const settled = async (look: () => Promise<readonly Finding[]>): Promise<readonly Finding[]> => {
  for (let tries = 0; ; tries++) {
    const findings = await look();
    if (findings.length === 0 || tries >= 40) return findings;
    await sleep(50);
  }
};

/** A removal that was done but not answered finds nothing the second time. */
const absent = (attempt: Attempt, answer: Answer): boolean =>
  answer.status === 404 && attempt.removes.length > 0;

/** Looks, runs the attempt again, and looks once more. */
export const retryFindings = async (site: Site, attempt: Attempt): Promise<readonly Finding[]> => {
  const before = await settled(() => invariants(site, attempt));
  const again = await attempt.run(site.call);
  if (!again.ok && !absent(attempt, again)) {
    const text = `the retry fails: ${again.status} ${again.body.toString().slice(-500)}`;
    return [...before, { kind: 'flaw', text }];
  }
  return [...before, ...(await settled(() => outcome(site, attempt)))];
};

const finish = async (
  site: Site,
  attempt: Attempt,
  answer: Answer | undefined,
): Promise<readonly Finding[]> => {
  if (answer?.ok === true) return settled(() => outcome(site, attempt));
  return retryFindings(site, attempt);
};

/** Runs an attempt with a fault injected into the daemon, looks, runs it again without, and looks again. */
export const injectedPoint = async (
  site: Site,
  attempt: Attempt,
  injection: Injection,
): Promise<PointResult> => {
  const pid = daemonOf(site).pid ?? 0;
  const tracing = await attach(pid, injectionArgs(injection));
  const answer = await attempt.run(site.call).catch(() => undefined);
  if (answer === undefined)
    await once(daemonOf(site), 'exit', { signal: AbortSignal.timeout(DEATH_MS) }).catch(() => undefined);
  await tracing.detach();
  const killing = injection.fault === 'signal=KILL';
  const ended = hasEnded(site);
  const died: readonly Finding[] =
    ended && !killing ? [{ kind: 'flaw', text: `the daemon ended:\n${site.machine.daemon.stderr()}` }] : [];
  if (killing || ended) await site.machine.restart('SIGKILL');
  const findings = await finish(site, attempt, answer);
  return { met: killing ? ended : answer?.ok !== true, findings: [...died, ...findings] };
};

/** Runs an attempt that meets a fault of its own making. */
export const plainPoint = async (site: Site, attempt: Attempt): Promise<PointResult> => {
  const answer = await attempt.run(site.call).catch(() => undefined);
  return { met: answer?.ok !== true, findings: await finish(site, attempt, answer) };
};
