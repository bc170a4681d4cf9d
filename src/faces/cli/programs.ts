import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/**
 * Path of another face's entry: beside this program in the bundle, in the face's own folder otherwise.
 *
 * The command line never imports the others statically, so that it starts fast.
 */
export const programPath = (face: 'daemon' | 'registryd'): string => {
  const bundled = fileURLToPath(new URL(`./${face}.js`, import.meta.url));
  if (existsSync(bundled)) return bundled;
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  return fileURLToPath(new URL(`../${face}/main.${extension}`, import.meta.url));
};

/** Becomes that program in this process, with `args` as its arguments. It sets the exit code itself. */
export const becomeProgram = async (face: 'daemon' | 'registryd', args: readonly string[]): Promise<void> => {
  const path = programPath(face);
  process.argv.splice(1, process.argv.length - 1, path, ...args);
  await import(path);
};
