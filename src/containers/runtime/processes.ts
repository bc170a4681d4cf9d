import { readFileSync } from 'node:fs';

const readText = (path: string): string | undefined => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
};

/** The fields of /proc/PID/stat that follow the command's name (`state` is the first). */
const statFields = (pid: number): readonly string[] | undefined => {
  const text = readText(`/proc/${pid}/stat`);
  return text?.slice(text.lastIndexOf(')') + 2).split(' ');
};

/** When the process began, in clock ticks since boot: with the ID it names one process for good. */
const STARTTIME = 19;

/** Whether `pid` is a process that runs (a zombie does not), and the same one when its start time is given. */
export const isAlive = (pid: number, startTime?: string): boolean => {
  const fields = statFields(pid);
  if (fields === undefined || fields[0] === 'Z' || fields[0] === 'X') return false;
  return startTime === undefined || fields[STARTTIME] === startTime;
};

/** Arguments of the monitor with this ID; undefined when it is gone, or no longer the one that serves `id`. */
export const monitorArgumentsOf = (pid: number, id: string): readonly string[] | undefined => {
  const args = isAlive(pid) ? readText(`/proc/${pid}/cmdline`)?.split('\0') : undefined;
  return args?.includes(id) === true ? args : undefined;
};

/** The number in a file that conmon or the OCI runtime wrote. */
export const readPidFile = (path: string): number | undefined => {
  const pid = Number.parseInt(readText(path) ?? '', 10);
  return Number.isSafeInteger(pid) && pid > 0 ? pid : undefined;
};

/** Sends a signal; false when the process is gone. */
export const signalProcess = (pid: number, signal: NodeJS.Signals | number): boolean => {
  try {
    return process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
};
