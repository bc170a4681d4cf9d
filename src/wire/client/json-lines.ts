import { StringDecoder } from 'node:string_decoder';
import { clientErrors } from './errors.ts';

const parse = <T>(line: string): T => {
  try {
    return JSON.parse(line) as T;
  } catch (error) {
    throw clientErrors.answerInvalid({ problem: `no JSON: ${line.slice(0, 80)}` }, error);
  }
};

/** The JSON values of a stream that has one on each line; empty lines are skipped. */
export async function* jsonLines<T>(source: AsyncIterable<Buffer>): AsyncGenerator<T> {
  const decoder = new StringDecoder('utf8');
  let held = '';
  for await (const chunk of source) {
    held += decoder.write(chunk);
    const lines = held.split('\n');
    held = lines.pop() ?? '';
    for (const line of lines) if (line.trim() !== '') yield parse<T>(line);
  }
  held += decoder.end();
  if (held.trim() !== '') yield parse<T>(held);
}
