import { binarySize } from '#console';
import { cliErrors } from './errors.ts';
import type { Cli } from './context.ts';
import type { RegistryCalls } from './registry-call.ts';

interface Failure {
  readonly message: string;
  readonly hint?: string;
}

/** A line of an answer that goes on while the registry works. */
export type RegistryLine<T> = T & { readonly error?: Failure; readonly progress?: Progress };

/** Counts so far. */
export type Progress = Readonly<Record<string, number>>;

/** `1 tag, 2 manifests, 3 blobs, 4.5MiB`: counts as a sentence, zeros left out. */
export const countsText = (counts: Progress): string => {
  const parts = Object.entries(counts)
    .filter(([name, count]) => count > 0 && !/bytes|^of/i.test(name))
    .map(([name, count]) => `${count} ${count === 1 ? name.replace(/s$/, '') : name}`);
  const bytes = counts['bytes'] ?? 0;
  const all = bytes > 0 ? [...parts, binarySize(bytes)] : parts;
  return all.length === 0 ? 'nothing' : all.join(', ');
};

/**
 * Reads an answer of one object a line: shows progress on a terminal, fails with the registry's own words where it
 * failed, and gives every other line.
 */
export async function* registryLines<T extends object>(
  cli: Cli,
  registry: RegistryCalls,
  request: Parameters<RegistryCalls['lines']>[0],
): AsyncGenerator<RegistryLine<T>> {
  const isTerminal = cli.stderr.isTTY;
  let shown = false;
  const clear = (): void => {
    if (shown) cli.stderr.write('\r\u001b[K');
    shown = false;
  };
  try {
    for await (const line of registry.lines<RegistryLine<T>>({ ...request, signal: cli.signal })) {
      if (line.error !== undefined) throw cliErrors.registryFailed({ hint: '', ...line.error });
      if (line.progress === undefined) {
        clear();
        yield line;
      } else if (isTerminal) {
        cli.stderr.write(`\r\u001b[K${countsText(line.progress)}`);
        shown = true;
      }
    }
  } finally {
    clear();
  }
}
