import { spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, isAbsolute, join } from 'node:path';
import type { LadeError } from '#errors';
import { runtimeErrors } from './errors.ts';

const isExecutable = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
};

/** Absolute path of a program in PATH or the usual system directories. */
export const findProgram = (name: string): string => {
  if (isAbsolute(name)) return name;
  const directories = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/bin', '/sbin'];
  const found = directories.map((directory) => join(directory, name)).find(isExecutable);
  if (found === undefined) throw runtimeErrors.programMissing({ name });
  return found;
};

/** The message inside a runtime's log line (text or JSON form), else the text itself. */
export const messageOf = (text: string): string => {
  const lines = text.trim().split('\n').filter(Boolean);
  const last = lines.findLast((line) => /level"?[=:]"?(error|fatal)/.test(line)) ?? lines.at(-1) ?? '';
  const quoted = /"?msg"?[=:]\s*("(?:[^"\\]|\\.)*")/.exec(last)?.[1];
  return quoted === undefined ? last : (JSON.parse(quoted) as string);
};

const NOT_FOUND = /executable file not found|no such file or directory|not found in \$PATH/;
const NOT_EXECUTABLE = /permission denied|is a directory|exec format error/;

/** What the OCI runtime said when it could not make or start a process, as an error of this room. */
export const processFailure = (
  id: string,
  text: string,
  make: (p: { id: string; text: string }) => LadeError,
) => {
  const message = messageOf(text);
  const isExec = /exec: |unable to start container process|exec failed/.test(message);
  if (isExec && NOT_FOUND.test(message)) return runtimeErrors.commandNotFound({ id, text: message });
  if (isExec && NOT_EXECUTABLE.test(message))
    return runtimeErrors.commandNotExecutable({ id, text: message });
  return make({ id, text: message });
};

/** Debian's crun refuses a machine whose control groups are half version 1; nothing but another runtime helps. */
const REFUSES_MACHINE = /cgroups in hybrid mode not supported|cgroup.*not supported/;

/** Why a container could not be made. */
export const creationFailure = (runtime: { readonly name: string }, id: string, text: string): LadeError =>
  REFUSES_MACHINE.test(text)
    ? runtimeErrors.runtimeUnusable({ name: runtime.name, text: messageOf(text) })
    : processFailure(id, text, runtimeErrors.createFailed);

export interface ProgramResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a short program to its end. */
export const runProgram = (path: string, args: readonly string[]): Promise<ProgramResult> =>
  new Promise((resolve, reject) => {
    const child = spawn(path, args, { cwd: '/', stdio: ['ignore', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString('utf8')));
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString('utf8')));
    child.once('error', (error: NodeJS.ErrnoException) =>
      reject(error.code === 'ENOENT' ? runtimeErrors.programMissing({ name: path }, error) : error),
    );
    child.once('close', (code) => resolve({ exitCode: code ?? 255, stdout, stderr }));
  });
