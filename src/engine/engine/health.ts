import { setTimeout as delay } from 'node:timers/promises';
import { systemErrors } from '#errors';
import type { Container } from './container.ts';
import { emitContainer, snapshotOf, type EngineContext } from './context.ts';
import { toExecProcess } from './spec-input.ts';
import { nowText } from './time.ts';
import type { HealthConfig, HealthInspect, HealthLogEntry } from './wire-types.ts';

const NS_PER_MS = 1e6;
const DEFAULT_INTERVAL_MS = 30_000;
const DEFAULT_TIMEOUT_MS = 30_000;
const DEFAULT_START_INTERVAL_MS = 5000;
const DEFAULT_RETRIES = 3;
const MAX_OUTPUT_BYTES = 4096;
const KEPT_RESULTS = 5;

export interface HealthPlan {
  readonly command: readonly string[];
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly startPeriodMs: number;
  readonly startIntervalMs: number;
  readonly retries: number;
}

const milliseconds = (ns: number | undefined, fallback: number): number =>
  ns === undefined || ns === 0 ? fallback : ns / NS_PER_MS;

/** What to run and when; undefined where nothing is to be checked. */
export const healthPlan = (
  health: HealthConfig | null | undefined,
  shell: readonly string[] | null | undefined,
): HealthPlan | undefined => {
  const [kind, ...rest] = health?.Test ?? [];
  if (kind === undefined || kind === 'NONE' || health === null || health === undefined) return undefined;
  const command = kind === 'CMD-SHELL' ? [...(shell ?? ['/bin/sh', '-c']), rest.join(' ')] : rest;
  return {
    command: kind === 'CMD' || kind === 'CMD-SHELL' ? command : [kind, ...rest],
    intervalMs: milliseconds(health.Interval, DEFAULT_INTERVAL_MS),
    timeoutMs: milliseconds(health.Timeout, DEFAULT_TIMEOUT_MS),
    startPeriodMs: milliseconds(health.StartPeriod, 0),
    startIntervalMs: milliseconds(health.StartInterval, DEFAULT_START_INTERVAL_MS),
    retries: health.Retries === undefined || health.Retries === 0 ? DEFAULT_RETRIES : health.Retries,
  };
};

/** The health after one more result. A failure in the start period does not count. */
export const judge = (
  before: HealthInspect,
  entry: HealthLogEntry,
  rules: { readonly retries: number; readonly inStartPeriod: boolean },
): HealthInspect => {
  const log = [...before.Log, entry].slice(-KEPT_RESULTS);
  if (entry.ExitCode === 0) return { Status: 'healthy', FailingStreak: 0, Log: log };
  if (before.Status === 'starting' && rules.inStartPeriod) return { ...before, Log: log };
  const streak = before.FailingStreak + 1;
  return {
    Status: streak >= rules.retries ? 'unhealthy' : before.Status,
    FailingStreak: streak,
    Log: log,
  };
};

const collect = async (output: AsyncIterable<{ readonly data: Buffer }>): Promise<string> => {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const { data } of output) {
    if (bytes < MAX_OUTPUT_BYTES) parts.push(data);
    bytes += data.length;
  }
  return Buffer.concat(parts).subarray(0, MAX_OUTPUT_BYTES).toString('utf8');
};

const runCheck = async (
  context: EngineContext,
  container: Container,
  plan: HealthPlan,
): Promise<Pick<HealthLogEntry, 'ExitCode' | 'Output'>> => {
  const spec = toExecProcess(
    container.record,
    { cmd: plan.command },
    { rootfs: snapshotOf(context, container).mergedPath, host: context.runtime.host },
  );
  const session = await context.runtime.exec(container.id, { process: spec });
  const timer = new AbortController();
  const late = delay(plan.timeoutMs, undefined, { signal: timer.signal }).then(() => {
    process.kill(session.pid, 'SIGKILL');
    throw systemErrors.timedOut({
      message: `Health check exceeded timeout (${plan.timeoutMs / 1000}s)`,
    });
  });
  try {
    const Output = await Promise.race([collect(session.output), late]);
    const { exitCode } = await Promise.race([session.exit, late]);
    return { ExitCode: exitCode, Output };
  } finally {
    timer.abort();
    late.catch(() => undefined);
    session.close();
  }
};

const check = async (
  context: EngineContext,
  container: Container,
  plan: HealthPlan,
): Promise<HealthLogEntry> => {
  const Start = nowText();
  try {
    const result = await runCheck(context, container, plan);
    return { Start, End: nowText(), ...result };
  } catch (error) {
    return {
      Start,
      End: nowText(),
      ExitCode: -1,
      Output: error instanceof Error ? error.message : String(error),
    };
  }
};

const STARTING: HealthInspect = { Status: 'starting', FailingStreak: 0, Log: [] };

/** Runs a container's health check from now until it ends, and keeps the result in its record. */
export const startHealth = (context: EngineContext, container: Container): void => {
  const plan = healthPlan(container.record.config.Healthcheck, container.record.config.Shell);
  if (plan === undefined) return;
  const startedAt = Date.now();
  let timer: NodeJS.Timeout | undefined;
  let ended = false;
  const note = (health: HealthInspect): void => {
    const before = container.record.health?.Status;
    context.background(context.containers.save(container, { health }));
    if (before !== health.Status) emitContainer(context, container, `health_status: ${health.Status}`);
  };
  const once = async (): Promise<void> => {
    if (container.record.state.kind === 'running') {
      const entry = await check(context, container, plan);
      if (ended) return;
      const inStartPeriod = Date.now() - startedAt < plan.startPeriodMs;
      note(judge(container.record.health ?? STARTING, entry, { retries: plan.retries, inStartPeriod }));
    }
    schedule();
  };
  const schedule = (): void => {
    const starting = (container.record.health ?? STARTING).Status === 'starting';
    const inStartPeriod = starting && Date.now() - startedAt < plan.startPeriodMs;
    timer = setTimeout(() => void once(), inStartPeriod ? plan.startIntervalMs : plan.intervalMs);
  };
  if (container.record.health === undefined) {
    context.background(context.containers.save(container, { health: STARTING }));
  }
  container.health = {
    [Symbol.dispose]: () => {
      ended = true;
      clearTimeout(timer);
    },
  };
  schedule();
};
