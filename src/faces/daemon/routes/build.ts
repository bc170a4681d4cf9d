import { Hono, type Context } from 'hono';
import { parseFilters } from '#api';
import type { BuildResult } from '#builder';
import { toLadeError } from '#errors';
import { answered, requestSignal } from '#http';
import { familiarString, parseReference } from '#oci';
import { fromDockerQuery } from '../build-request.ts';
import { createClassicOutput } from '../classic-output.ts';
import { errorLine, jsonLines, type JsonLines } from '../json-lines.ts';
import { flag, instantOf, textOf } from '../request.ts';
import { withBody } from '../request-body.ts';
import type { DaemonParts } from '../types.ts';

const SHORT_ID = 12;

const writeResult = (lines: JsonLines, result: BuildResult, quiet: boolean): void => {
  if (quiet) {
    lines.write({ stream: `${result.imageId}\n` });
    return;
  }
  const short = result.imageId.replace(/^sha256:/, '').slice(0, SHORT_ID);
  lines.write({ stream: ` ---> ${short}\n` });
  lines.write({ aux: { ID: result.imageId } });
  lines.write({ stream: `Successfully built ${short}\n` });
  for (const tag of result.tags)
    lines.write({ stream: `Successfully tagged ${familiarString(parseReference(tag))}\n` });
};

/** Exit status of a RUN step that failed, which becomes that of `docker build`. */
const exitCodeOf = (error: unknown): number => {
  const code = toLadeError(error).details?.['exitCode'];
  return typeof code === 'number' && code > 0 ? code : 1;
};

/** POST /build: the context comes as a tar, the answer is Docker's classic output. */
const build = async (c: Context, parts: DaemonParts): Promise<Response> => {
  const lines = jsonLines(c);
  const quiet = flag(c, 'q');
  try {
    const builder = await parts.builder();
    const show = createClassicOutput((line) => lines.write(line));
    const result = await withBody(c, (stream) => {
      const request = fromDockerQuery(c, { kind: 'tar', stream }, parts.buildDefaults, requestSignal(c));
      return builder.build(request, quiet ? () => undefined : show);
    });
    writeResult(lines, result, quiet);
  } catch (error) {
    if (!lines.begun()) throw error;
    lines.write(errorLine(error, c.req.header('user-agent'), exitCodeOf(error)));
  }
  lines.end();
  return answered();
};

const prune = async (c: Context, parts: DaemonParts): Promise<Response> => {
  const filters = parseFilters(textOf(c, 'filters'));
  const before = instantOf('until', filters['until']?.[0] ?? filters['unused-for']?.[0]);
  const { bytes } = await (
    await parts.builder()
  ).prune(before === undefined ? {} : { before: new Date(before) });
  return c.json({ CachesDeleted: null, SpaceReclaimed: bytes });
};

export const buildRoutes = (parts: DaemonParts): Hono => {
  const app = new Hono();
  app.post('/build', (c) => build(c, parts));
  app.post('/build/prune', (c) => prune(c, parts));
  return app;
};
