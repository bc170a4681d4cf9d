import { spawnSync } from 'node:child_process';
import { styleText } from 'node:util';

export interface TranscriptOptions {
  readonly command: string;
  readonly env: NodeJS.ProcessEnv;
}

/** Runs commands as a reader would type them, and prints them with their output. */
export interface Transcript {
  readonly chapter: (title: string) => void;
  readonly note: (text: string) => void;
  /** Runs `lade ARGS`; its standard output is printed and returned. */
  readonly lade: (args: readonly string[]) => string;
  /** Ends the run when `text` does not contain `wanted`. */
  readonly expectText: (text: string, wanted: string) => void;
  /** GET `url`, asked again for up to 20 s until it answers. */
  readonly ask: (url: string) => Promise<string>;
}

/** A step of the quickstart failed; `exitCode` becomes ours. */
class StepFailed extends Error {
  readonly exitCode: number;
  constructor(message: string, exitCode: number) {
    super(message);
    this.exitCode = exitCode;
  }
}

process.on('uncaughtException', (error) => {
  console.error(
    styleText('red', error instanceof StepFailed ? error.message : (error.stack ?? error.message)),
  );
  process.exit(error instanceof StepFailed ? error.exitCode : 1);
});

const quoted = (argument: string): string => (/^[\w./:=@,+-]+$/.test(argument) ? argument : `'${argument}'`);

const askOnce = async (url: string): Promise<string> => {
  const response = await fetch(url, { signal: AbortSignal.timeout(5_000) });
  const text = await response.text();
  if (!response.ok) throw new StepFailed(`${url} answered ${response.status}: ${text}`, 1);
  return text;
};

export const createTranscript = ({ command, env }: TranscriptOptions): Transcript => ({
  chapter(title) {
    console.log(`\n${styleText('bold', `## ${title}`)}`);
  },
  note(text) {
    console.log(styleText('dim', `# ${text}`));
  },
  lade(args) {
    console.log(styleText('cyan', `$ lade ${args.map(quoted).join(' ')}`));
    const result = spawnSync(command, args, {
      env,
      stdio: ['ignore', 'pipe', 'inherit'],
      maxBuffer: 2 ** 28,
    });
    const output = result.stdout.toString();
    process.stdout.write(output);
    if (result.status !== 0)
      throw new StepFailed(`lade ${args[0]} ended with ${result.status}`, result.status ?? 1);
    return output;
  },
  expectText(text, wanted) {
    if (!text.includes(wanted)) throw new StepFailed(`expected "${wanted}" in: ${text}`, 1);
  },
  async ask(url) {
    console.log(styleText('cyan', `$ curl ${url}`));
    const deadline = Date.now() + 20_000;
    for (;;) {
      try {
        const answer = await askOnce(url);
        console.log(answer);
        return answer;
      } catch (error) {
        if (error instanceof StepFailed || Date.now() > deadline) throw error;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
  },
});
