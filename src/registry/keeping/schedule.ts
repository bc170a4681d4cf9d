/** A time of day, minutes after midnight, local time; from after to: over midnight. */
export interface ClockWindow {
  readonly from: number;
  readonly to: number;
}

export interface Schedule {
  /** 0: never. */
  readonly everyMs: number;
  readonly between: ClockWindow | undefined;
}

const DAY_MINUTES = 24 * 60;
const LOOK_MS = 30_000;

const minutesOf = (hours: string | undefined, minutes: string | undefined): number =>
  Number(hours) * 60 + Number(minutes);

/** Reads `HH:MM-HH:MM`; undefined when it is none. */
export const parseClockWindow = (text: string): ClockWindow | undefined => {
  const match = /^([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-4]):([0-5]\d)$/.exec(text);
  if (match === null) return undefined;
  const [from, to] = [minutesOf(match[1], match[2]), minutesOf(match[3], match[4])];
  return to > DAY_MINUTES || from === to ? undefined : { from, to };
};

const isWithin = ({ from, to }: ClockWindow, now: Date): boolean => {
  const minutes = now.getHours() * 60 + now.getMinutes();
  return from < to ? minutes >= from && minutes < to : minutes >= from || minutes < to;
};

/** Whether it is time to begin, after it began last at `lastMs`. */
export const isDue = ({ everyMs, between }: Schedule, lastMs: number, nowMs: number): boolean =>
  everyMs > 0 && nowMs - lastMs >= everyMs && (between === undefined || isWithin(between, new Date(nowMs)));

export interface Regular {
  readonly schedule: () => Schedule;
  /** When it began last; kept over restarts. */
  readonly lastMs: () => number;
  readonly run: () => Promise<void>;
  readonly failed: (error: unknown) => void;
}

/** Runs when it is due, one run at a time. */
export const runRegularly = ({ schedule, lastMs, run, failed }: Regular): Disposable => {
  let isRunning = false;
  const look = async (): Promise<void> => {
    if (isRunning || !isDue(schedule(), lastMs(), Date.now())) return;
    isRunning = true;
    try {
      await run();
    } catch (error) {
      failed(error);
    } finally {
      isRunning = false;
    }
  };
  const timer = setInterval(() => void look(), LOOK_MS).unref();
  return { [Symbol.dispose]: () => clearInterval(timer) };
};
