import type { Context } from 'hono';
import type { ProgressLine } from '#api';
import type { BuildEvent, BuildResult } from '#builder';
import { toLadeError } from '#errors';
import { familiarString, parseReference } from '#oci';
import { createClassicOutput } from './classic-output.ts';
import type { BuildVersion } from './docker-build-request.ts';
import { errorLine, type JsonLines } from './json-lines.ts';
import { flag } from './request.ts';
import { createTraceOutput, type WriteLine } from './trace-output.ts';

/** What POST /build answers while it works and at its end. */
export interface BuildAnswer {
  show(event: BuildEvent): void;
  finish(result: BuildResult): void;
  /** The last line of a build that failed. */
  fail(error: unknown): void;
}

/** Lines that a quiet build holds back until it fails. */
const MAX_HELD_LINES = 10_000;

const quietly = (write: WriteLine): { readonly hold: WriteLine; readonly release: () => void } => {
  const held: object[] = [];
  let released = false;
  return {
    hold: (line) => {
      if (released) return write(line);
      held.push(line);
      if (held.length > MAX_HELD_LINES) held.splice(0, held.length / 2);
    },
    release: () => {
      released = true;
      for (const line of held.splice(0)) write(line);
    },
  };
};

/** Exit status of a RUN step that failed, which becomes that of `docker build`. */
const exitCodeOf = (error: unknown): number | undefined => {
  const code = toLadeError(error).details?.['exitCode'];
  return typeof code === 'number' && code > 0 ? code : undefined;
};

/** Docker's sentence for a RUN step that failed; undefined for other errors. */
const runFailure = (error: unknown): ProgressLine | undefined => {
  const code = exitCodeOf(error);
  const command = toLadeError(error).details?.['command'];
  if (code === undefined || typeof command !== 'string') return undefined;
  const message = `The command '${command}' returned a non-zero code: ${code}`;
  return { errorDetail: { code, message }, error: message };
};

const classicAnswer = (c: Context, lines: JsonLines, write: WriteLine): BuildAnswer => {
  const agent = c.req.header('user-agent');
  const force = flag(c, 'forcerm');
  const output = createClassicOutput(write, {
    remove: { success: force || flag(c, 'rm', true), failure: force },
  });
  return {
    show: (event) => output.show(event),
    finish: (result) =>
      output.finish(
        result,
        result.tags.map((tag) => familiarString(parseReference(tag))),
      ),
    fail: (error) => {
      output.end();
      if (!lines.begun()) throw error;
      lines.write(runFailure(error) ?? errorLine(error, agent, exitCodeOf(error)));
    },
  };
};

const traceAnswer = (c: Context, lines: JsonLines, write: WriteLine): BuildAnswer => {
  const output = createTraceOutput(write);
  return {
    show: (event) => output.show(event),
    finish: (result) => {
      output.finish(result);
      for (const tag of result.tags)
        lines.write({ stream: `Successfully tagged ${familiarString(parseReference(tag))}\n` });
    },
    fail: (error) => lines.write(errorLine(error, c.req.header('user-agent'), undefined)),
  };
};

/** The answer in the form that the client reads; with `q` nothing but the image's ID, or all of it when the build fails. */
export const createBuildAnswer = (c: Context, lines: JsonLines, version: BuildVersion): BuildAnswer => {
  const make = version === 1 ? classicAnswer : traceAnswer;
  if (!flag(c, 'q')) return make(c, lines, (line) => lines.write(line));
  const { hold, release } = quietly((line) => lines.write(line));
  const answer = make(c, lines, hold);
  return {
    show: (event) => answer.show(event),
    finish: ({ imageId }) => lines.write({ stream: `${imageId}\n` }),
    fail: (error) => {
      release();
      answer.fail(error);
    },
  };
};
