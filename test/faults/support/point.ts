import { setTimeout as sleep } from 'node:timers/promises';
import { once } from 'node:events';
import { SilentError, type Answer } from './api.ts';
import type { Attempt } from './operations.ts';
import type { Site } from './site.ts';
import { attach, injectionArgs, type Injection } from './strace.ts';
import { idOf, invariants, outcome, savedFindings, type Finding } from './verify.ts';

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

/** What all of them make, and what may wait for a second try of any of them. */
const together = (attempts: readonly Attempt[]): Attempt => ({
  run: () => Promise.reject(new Error('one by one')),
  makes: new Map(attempts.flatMap(({ makes }) => [...makes])),
  removes: [],
  deletes: [],
  resumable: new Set(attempts.flatMap(({ resumable }) => [...resumable])),
});

const silence = (run: PromiseSettledResult<Answer> | undefined): readonly Finding[] =>
  run?.status === 'rejected' && run.reason instanceof SilentError
    ? [{ kind: 'flaw', text: run.reason.message }]
    : [];

const secondTry = async (site: Site, attempt: Attempt): Promise<readonly Finding[]> => {
  const { ok, status, body } = await attempt.run(site.call);
  const findings: Finding[] = [];
  if (!ok) findings.push({ kind: 'flaw', text: `the retry fails: ${status} ${body.toString().slice(-500)}` });
  for (const [tag, id] of attempt.makes) {
    if ((await idOf(site, tag)) !== id) findings.push({ kind: 'flaw', text: `${tag} is not ${id}` });
    site.committed.set(tag, id ?? '');
    if (findings.length === 0) findings.push(...(await savedFindings(site, tag)));
  }
  return findings;
};

/**
 * Runs attempts that meet faults of their own making, all at once, because they wait rather than work; `heal` ends the
 * faults, and each is run again. Findings by attempt; those of no attempt come last.
 */
export const plainPoints = async (
  site: Site,
  attempts: readonly Attempt[],
  heal: () => void,
): Promise<readonly (readonly Finding[])[]> => {
  const runs = await Promise.allSettled(attempts.map((attempt) => attempt.run(site.call)));
  heal();
  const died: readonly Finding[] = hasEnded(site)
    ? [{ kind: 'flaw', text: `the daemon ended:\n${site.machine.daemon.stderr()}` }]
    : [];
  if (died.length > 0) await site.machine.restart('SIGKILL');
  const all = together(attempts);
  const between = await settled(() => invariants(site, all));
  const findings: (readonly Finding[])[] = [];
  for (const [index, attempt] of attempts.entries())
    findings.push([...silence(runs[index]), ...(await secondTry(site, attempt))]);
  const after = await settled(() => invariants(site, { ...all, resumable: new Set() }));
  return [...findings, [...died, ...between, ...after]];
};

/** Runs an attempt on a disk without room, which `heal` gives back before it is run again. */
export const fullDiskPoint = async (
  site: Site,
  attempt: Attempt,
  heal: () => void,
): Promise<readonly Finding[]> => {
  const answer = await attempt.run(site.call).catch(() => undefined);
  heal();
  if (!hasEnded(site)) return await finish(site, attempt, answer);
  const died: Finding = { kind: 'flaw', text: `the daemon ended:\n${site.machine.daemon.stderr()}` };
  await site.machine.restart('SIGKILL');
  return [died, ...(await finish(site, attempt, answer))];
};
