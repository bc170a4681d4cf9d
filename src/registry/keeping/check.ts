import type { RegistryStorage } from '#protocol';
import {
  checkAccounting,
  checkBlobs,
  checkHistory,
  checkLinks,
  checkManifests,
  checkStrays,
  type PhaseContext,
} from './check-phases.ts';
import {
  CHECK_PHASES,
  type Checking,
  type CheckOptions,
  type CheckPhase,
  type CheckReport,
  type Finding,
} from './check-types.ts';
import { keepingErrors } from './errors.ts';
import { createPace } from './pace.ts';

const STATE = 'check';
const MAX_FINDINGS = 1000;
const SAVE_MS = 2000;

/** A check as it is remembered: it goes on behind the last thing that was done. */
interface Saved {
  report: CheckReport;
  phase: CheckPhase;
  after: string;
}

const PHASES: Readonly<Record<CheckPhase, (context: PhaseContext, after: string) => Promise<void>>> = {
  blobs: checkBlobs,
  strays: checkStrays,
  manifests: checkManifests,
  links: checkLinks,
  accounting: checkAccounting,
  history: checkHistory,
};

export interface CheckDeps {
  readonly storage: RegistryStorage;
  readonly covers: (repository: string) => boolean;
  /** How young files may be that nothing names yet. */
  readonly uploadWindowMs: () => number;
  /** Ends checks when keeping ends. */
  readonly signal: AbortSignal;
}

/** Checks everything, one check at a time, remembering how far it came. */
export const createChecking = ({ storage, covers, uploadWindowMs, signal: end }: CheckDeps): Checking => {
  const { collection, scrub } = storage.metadata;
  let isRunning = false;

  const load = (): Saved | undefined => {
    const text = collection.state(STATE);
    return text === undefined ? undefined : (JSON.parse(text) as Saved);
  };

  const begin = (repair: boolean): Saved => {
    const { blobs, bytes } = scrub.blobTotals();
    return {
      phase: 'blobs',
      after: '',
      report: {
        startedMs: Date.now(),
        finishedMs: undefined,
        repaired: repair,
        findings: [],
        more: 0,
        blobs: 0,
        bytes: 0,
        manifests: 0,
        ofBlobs: blobs,
        ofBytes: bytes,
      },
    };
  };

  const run = async (options: CheckOptions): Promise<CheckReport> => {
    const { repair = false, restart = false, cause, bytesPerSecond } = options;
    const earlier = restart ? undefined : load();
    const goesOn = earlier?.report.finishedMs === undefined && earlier?.report.repaired === repair;
    const saved: Saved = goesOn && earlier !== undefined ? earlier : begin(repair);
    const signal = options.signal === undefined ? end : AbortSignal.any([options.signal, end]);
    let savedMs = Date.now();
    const save = (durable: boolean): Promise<void> =>
      collection.setState(STATE, JSON.stringify(saved), { durable });
    const tell = (): void => {
      const { phase, report } = saved;
      const { startedMs: _s, finishedMs: _f, repaired: _r, findings, more, ...counts } = report;
      options.onProgress?.({ ...counts, phase, findings: findings.length + more });
    };
    const context: PhaseContext = {
      storage,
      repair,
      cause,
      signal,
      covers,
      strayBeforeMs: Date.now() - uploadWindowMs(),
      pace: createPace(bytesPerSecond, signal),
      found: (finding: Finding) => {
        const { findings, more } = saved.report;
        saved.report =
          findings.length < MAX_FINDINGS
            ? { ...saved.report, findings: [...findings, finding] }
            : { ...saved.report, more: more + 1 };
        options.onFinding?.(finding);
      },
      counted: ({ blobs = 0, bytes = 0, manifests = 0 }) => {
        const { report } = saved;
        saved.report = {
          ...report,
          blobs: report.blobs + blobs,
          bytes: report.bytes + bytes,
          manifests: report.manifests + manifests,
        };
        tell();
      },
      reached: (after) => {
        saved.after = after;
        if (Date.now() - savedMs < SAVE_MS) return;
        savedMs = Date.now();
        void save(false);
      },
    };
    try {
      for (const phase of CHECK_PHASES.slice(CHECK_PHASES.indexOf(saved.phase))) {
        if (saved.phase !== phase) {
          saved.phase = phase;
          saved.after = '';
        }
        tell();
        await PHASES[phase](context, saved.after);
      }
      saved.report = { ...saved.report, finishedMs: Date.now() };
      return saved.report;
    } finally {
      await save(true);
    }
  };

  return {
    check: async (options) => {
      if (isRunning) throw keepingErrors.checkRuns({});
      isRunning = true;
      try {
        return await run(options);
      } finally {
        isRunning = false;
      }
    },
    report: () => load()?.report,
  };
};
