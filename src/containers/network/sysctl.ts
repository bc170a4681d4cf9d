import { readFileSync, writeFileSync } from 'node:fs';

const pathOf = (name: string): string => `/proc/sys/${name.replaceAll('.', '/')}`;

/**
 * Sets a kernel variable of the namespace this thread is in, unless it has that value. Synchronous.
 *
 * @param name with dots; a device name in it must have none
 * @returns whether it was changed; a variable this kernel does not have is left out
 */
export const setSysctl = (name: string, value: string): boolean => {
  const path = pathOf(name);
  try {
    if (readFileSync(path, 'utf8').trim() === value) return false;
  } catch {
    return false;
  }
  writeFileSync(path, value);
  return true;
};
