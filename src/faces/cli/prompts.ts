import { createInterface } from 'node:readline/promises';
import type { Cli } from './context.ts';
import { cliErrors } from './errors.ts';

const needTerminal = (cli: Cli): void => {
  if (!cli.stdin.isTTY)
    throw cliErrors.argumentInvalid({
      problem: 'Cannot perform an interactive login from a non TTY device',
      advice: 'give them with --username and --password-stdin',
    });
};

/** Asks for a line. */
export const askText = async (cli: Cli, question: string): Promise<string> => {
  needTerminal(cli);
  const lines = createInterface({ input: cli.stdin, output: cli.stderr });
  try {
    return (await lines.question(question, { signal: cli.signal })).trim();
  } finally {
    lines.close();
  }
};

/** Asks for a line that the terminal does not show. */
export const askSecret = async (cli: Cli, question: string): Promise<string> => {
  needTerminal(cli);
  cli.stderr.write(question);
  cli.stdin.setRawMode(true);
  const typed: number[] = [];
  try {
    for await (const chunk of cli.stdin as AsyncIterable<Buffer>) {
      for (const byte of chunk) {
        if (byte === 0x0d || byte === 0x0a) return Buffer.from(typed).toString();
        if (byte === 0x03) throw cliErrors.work({ message: 'given up', advice: '' });
        if (byte === 0x7f || byte === 0x08) typed.pop();
        else typed.push(byte);
      }
    }
    return Buffer.from(typed).toString();
  } finally {
    cli.stdin.setRawMode(false);
    cli.stderr.write('\n');
  }
};

/** Everything that comes on a stream, as text. */
export const readAll = async (stream: NodeJS.ReadableStream): Promise<string> => {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString();
};
