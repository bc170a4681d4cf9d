import { existsSync } from 'node:fs';

/**
 * Address of the worker file `name` beside the module at `base` (its `import.meta.url`): `name.ts` where the sources
 * run as they are, `name.js` where they were compiled. A bundle's chunk may lie one folder below its workers.
 */
export const workerUrl = (base: string, name: string): URL => {
  if (base.endsWith('.ts')) return new URL(`${name}.ts`, base);
  const beside = new URL(`${name}.js`, base);
  return existsSync(beside) ? beside : new URL(`../${name}.js`, base);
};
