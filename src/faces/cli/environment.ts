import { readFileSync } from 'node:fs';
import { cliErrors } from './errors.ts';

const readLines = (path: string): readonly string[] => {
  try {
    return readFileSync(path, 'utf8')
      .replace(/^\uFEFF/u, '')
      .split(/\r?\n/);
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    throw cliErrors.fileUnreadable({ path, problem }, error);
  }
};

const fromFile = (path: string): readonly string[] =>
  readLines(path)
    .map((line) => line.trimStart())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const [name = ''] = line.split('=', 1);
      if (name === '' || /\s/.test(name))
        throw cliErrors.argumentInvalid({
          problem: `invalid env file (${path}): variable '${name}' contains whitespaces`,
          advice: 'write NAME=value on each line',
        });
      return line;
    });

/** A name without a value takes the value it has here, or is left out when it has none. */
const resolve = (word: string, env: NodeJS.ProcessEnv): readonly string[] => {
  if (word.includes('=')) return [word];
  const value = env[word];
  return value === undefined ? [] : [`${word}=${value}`];
};

/**
 * Variables of `--env-file`, then of `--env`: the last one wins inside the container.
 *
 * @throws CLI_FILE_UNREADABLE, CLI_ARGUMENT_INVALID
 */
export const readEnvironment = (
  files: readonly string[],
  words: readonly string[],
  env: NodeJS.ProcessEnv,
): readonly string[] => {
  const all = [...files.flatMap(fromFile), ...words].flatMap((word) => resolve(word, env));
  const byName = new Map(all.map((word) => [word.slice(0, word.indexOf('=')), word]));
  return [...byName.values()];
};

/** Labels of `--label-file`, then of `--label`. */
export const readLabels = (files: readonly string[], words: readonly string[]): Record<string, string> => {
  const lines = files.flatMap(readLines).map((line) => line.trim());
  const all = [...lines.filter((line) => line !== '' && !line.startsWith('#')), ...words];
  return Object.fromEntries(
    all.map((word) => {
      const split = word.indexOf('=');
      return split === -1 ? [word, ''] : [word.slice(0, split), word.slice(split + 1)];
    }),
  );
};
