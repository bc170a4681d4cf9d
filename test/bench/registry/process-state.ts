import { readFileSync } from 'node:fs';

const TICK_MS = 10;

/** CPU that a process has used so far, all its threads, in ms. */
export const cpuMs = (pid: number): number => {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
};

const status = (pid: number, field: string): number =>
  Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) /
  1024;

/** Memory that is resident now, and the most that ever was, in MB. */
export const residentMb = (pid: number): number => status(pid, 'VmRSS');
export const peakMb = (pid: number): number => status(pid, 'VmHWM');
