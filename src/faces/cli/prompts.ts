import { systemErrors } from '#errors';
import type { Cli } from './context.ts';
import { cliErrors } from './errors.ts';

const needTerminal = (cli: Cli): void => {
  if (!cli.stdin.isTTY)
    throw cliErrors.argumentInvalid({
      problem: 'Cannot perform an interactive login from a non TTY device',
      advice: 'give them with --username and --password-stdin',
    });
};

/** Reads from the terminal until `take` has enough; the terminal stays open for the next question. */
const typed = (cli: Cli, take: (chunk: Buffer) => string | undefined): Promise<string> => {
  const { stdin } = cli;
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const onData = (chunk: Buffer): void => {
    try {
      const answer = take(chunk);
      if (answer !== undefined) resolve(answer);
    } catch (error) {
      reject(error instanceof Error ? error : new Error(String(error)));
    }
  };
  const onEnd = (): void => resolve('');
  stdin.on('data', onData).once('end', onEnd).once('error', reject).resume();
  return promise.finally(() => {
    stdin.off('data', onData).off('end', onEnd).off('error', reject).pause();
  });
};

/** Asks for a line. */
export const askText = async (cli: Cli, question: string): Promise<string> => {
  needTerminal(cli);
  cli.stderr.write(question);
  let line = '';
  return typed(cli, (chunk) => {
    line += chunk.toString();
    return line.includes('\n') ? line.slice(0, line.indexOf('\n')).trim() : undefined;
  });
};

const INTERRUPT = 0x03;

/** ^C as a terminal in raw mode gives it. */
const interrupted = (): Error => {
  process.exitCode = 130;
  return systemErrors.cancelled({ message: 'the question' });
};

/** Asks for a line that the terminal does not show. */
export const askSecret = async (cli: Cli, question: string): Promise<string> => {
  needTerminal(cli);
  cli.stdin.setRawMode(true);
  cli.stderr.write(question);
  const bytes: number[] = [];
  try {
    return await typed(cli, (chunk) => {
      for (const byte of chunk) {
        if (byte === 0x0d || byte === 0x0a) return Buffer.from(bytes).toString();
        if (byte === INTERRUPT) throw interrupted();
        if (byte === 0x7f || byte === 0x08) bytes.pop();
        else bytes.push(byte);
      }
      return undefined;
    });
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
