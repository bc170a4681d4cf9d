import { randomUUID } from 'node:crypto';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** The ID of the engine that lives in this root; made once. */
export const engineId = (rootPath: string): string => {
  const path = join(rootPath, 'engine-id');
  try {
    const known = readFileSync(path, 'utf8').trim();
    if (known !== '') return known;
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
  }
  const made = randomUUID();
  writeFileSync(`${path}.new`, `${made}\n`);
  renameSync(`${path}.new`, path);
  return made;
};
