import { Hono, type Context } from 'hono';
import { encodeBuildLine, parseBody } from '#api';
import type { BuildContext } from '#builder';
import { toLadeError } from '#errors';
import { answered, outgoing, requestSignal } from '#http';
import { authLookup, contextOfBody, fromLadeOrder, type BuildOrder } from '../build-request.ts';
import { hostOutputs } from '../fetched-outputs.ts';
import { splitFirstLine } from '../first-line.ts';
import { jsonLines } from '../json-lines.ts';
import { body } from '../request.ts';
import { withBody } from '../request-body.ts';
import { sparing } from '../slow-reader.ts';
import type { DaemonParts } from '../types.ts';

/** Runs a build; the answer is the builder's own events, then its result. */
const answerBuild = async (
  c: Context,
  parts: DaemonParts,
  asked: { readonly order: BuildOrder; readonly context: BuildContext },
): Promise<void> => {
  const auth = authLookup(c.req.header('x-registry-config'));
  const surroundings = { defaults: parts.buildDefaults, auth, signal: requestSignal(c) };
  await using fetched = hostOutputs(parts.rootPath, asked.order);
  const request = fromLadeOrder(fetched.order, asked.context, surroundings);
  const lines = jsonLines(c);
  try {
    const builder = await parts.builder();
    if (asked.order.call !== undefined) {
      const description = await builder.describe(request, asked.order.call);
      lines.writeText(encodeBuildLine({ kind: 'description', description }));
      lines.end();
      return;
    }
    const show = sparing(lines, (event) => lines.writeText(encodeBuildLine({ kind: 'event', event })));
    const result = await builder.build(request, show);
    await fetched.send(lines, outgoing(c));
    lines.writeText(encodeBuildLine({ kind: 'result', result }));
  } catch (thrown) {
    if (!lines.begun()) throw thrown;
    const { kind, code, message, hint, details } = toLadeError(thrown);
    lines.writeText(encodeBuildLine({ kind: 'error', error: { kind, code, message, hint, details } }));
  }
  lines.end();
};

/** POST /lade/v1/build: the context is read in place or fetched. */
const build = async (c: Context, parts: DaemonParts): Promise<Response> => {
  const checked = await body(c, 'ladeBuild');
  const { contextPath: _path, contextUrl: _url, ...order } = checked;
  await answerBuild(c, parts, { order, context: contextOfBody(checked) });
  return answered();
};

/** POST /lade/v1/build/archive: the first line is the order in JSON, what follows is the context as an archive. */
const buildArchive = async (c: Context, parts: DaemonParts): Promise<Response> => {
  await withBody(c, async (stream) => {
    const { line, rest } = await splitFirstLine(stream);
    const order = await parseBody('ladeArchiveBuild', line);
    await answerBuild(c, parts, { order, context: { kind: 'tar', stream: rest } });
  });
  return answered();
};

export const ladeBuildRoutes = (parts: DaemonParts): Hono => {
  const app = new Hono();
  app.post('/lade/v1/build', (c) => build(c, parts));
  app.post('/lade/v1/build/archive', (c) => buildArchive(c, parts));
  return app;
};
