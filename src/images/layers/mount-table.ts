import { mountInfo } from '#sys';

export interface MountEntry {
  readonly target: string;
  readonly type: string;
}

/** /proc writes space, tab, newline and backslash as octal. */
const unescape = (text: string): string =>
  text.replaceAll(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));

const parseLine = (line: string): MountEntry | undefined => {
  const [before, after] = line.split(' - ');
  const target = before?.split(' ')[4];
  const type = after?.split(' ')[0];
  return target === undefined || type === undefined ? undefined : { target: unescape(target), type };
};

/** What is mounted in this process's namespace below `directory`, in the order it was mounted (proc_pid_mountinfo(5)). */
export const mountsBelow = (directory: string): readonly MountEntry[] =>
  mountInfo()
    .split('\n')
    .map(parseLine)
    .filter((entry) => entry !== undefined)
    .filter((entry) => entry.target.startsWith(`${directory}/`));
