import { createInterface } from 'node:readline/promises';
import type { Cli } from './context.ts';

/** Asks on the terminal; anything but y or yes is no. */
export const confirm = async (cli: Cli, question: string): Promise<boolean> => {
  const lines = createInterface({ input: cli.stdin, output: cli.stdout, terminal: false });
  cli.out(`${question} [y/N] `);
  try {
    for await (const line of lines) return /^y(es)?$/i.test(line.trim());
    return false;
  } finally {
    lines.close();
  }
};
