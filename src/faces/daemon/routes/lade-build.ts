import { Hono, type Context } from 'hono';
import { encodeBuildLine, parseBody } from '#api';
import type { BuildContext } from '#builder';
import { toLadeError } from '#errors';
import { answered, outgoing, requestSignal } from '#http';
import { authLookup, contextOfBody, fromLadeOrder, type BuildOrder } from '../build-request.ts';
import { hostOutputs } from '../fetched-outputs.ts';
import { splitFirstLine } from '../first-line.ts';
import { jsonLines } from '../json-lines.ts';
import { machineId } from '../machine-id.ts';
import { body, param } from '../request.ts';
import { withBody } from '../request-body.ts';
import { sparing } from '../slow-reader.ts';
import type { DaemonParts } from '../types.ts';

/** Builds under way whose clients may ask for their end, by ID. */
type Running = Map<string, AbortController>;

interface Kitchen {
  readonly parts: DaemonParts;
  readonly running: Running;
}

/** Runs a build; the answer is the builder's own events, then its result. */
const answerBuild = async (
  c: Context,
  { parts, running }: Kitchen,
  asked: { readonly order: BuildOrder; readonly context: BuildContext },
): Promise<void> => {
  const auth = authLookup(c.req.header('x-registry-config'));
  const cancelling = new AbortController();
  const signal = AbortSignal.any([requestSignal(c), cancelling.signal]);
  const surroundings = { defaults: parts.buildDefaults, auth, signal };
  let id: string | undefined;
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
    const show = sparing(lines, (event) => {
      if (event.kind === 'build-started') running.set((id = event.id), cancelling);
      lines.writeText(encodeBuildLine({ kind: 'event', event }));
    });
    const result = await builder.build(request, show);
    await fetched.send(lines, outgoing(c));
    lines.writeText(encodeBuildLine({ kind: 'result', result }));
  } catch (thrown) {
    if (!lines.begun()) throw thrown;
    const { kind, code, message, hint, details } = toLadeError(thrown);
    lines.writeText(encodeBuildLine({ kind: 'error', error: { kind, code, message, hint, details } }));
  } finally {
    if (id !== undefined) running.delete(id);
  }
  lines.end();
};

/** Whether the client counts on files that the daemon does not see: it named its own machine as the condition. */
const isElsewhere = (c: Context): boolean => {
  const wanted = c.req.header('if-match');
  return wanted !== undefined && wanted !== `"${machineId()}"`;
};

/**
 * POST /lade/v1/build: the context is read in place or fetched. With `If-Match: "MACHINE"` (`machineId` of
 * GET /lade/v1/info) only where the daemon has that one; 412 otherwise.
 */
const build = async (c: Context, kitchen: Kitchen): Promise<Response> => {
  // Read in any case: a client that is still writing when the connection closes does not see the answer.
  const checked = await body(c, 'ladeBuild');
  if (isElsewhere(c)) return c.json({ message: 'the daemon does not see the files of that machine' }, 412);
  const { contextPath: _path, contextUrl: _url, ...order } = checked;
  await answerBuild(c, kitchen, { order, context: contextOfBody(checked) });
  return answered();
};

/** POST /lade/v1/build/archive: the first line is the order in JSON, what follows is the context as an archive. */
const buildArchive = async (c: Context, kitchen: Kitchen): Promise<Response> => {
  await withBody(c, async (stream) => {
    const { line, rest } = await splitFirstLine(stream);
    const order = await parseBody('ladeArchiveBuild', line);
    await answerBuild(c, kitchen, { order, context: { kind: 'tar', stream: rest } });
  });
  return answered();
};

/** POST /lade/v1/builds/{build}/cancel: the build's own answer ends once it has cleaned up; nothing where it has ended. */
const cancel = async (c: Context, { parts, running }: Kitchen): Promise<Response> => {
  const { id } = await (await parts.builder()).history.inspect(param(c, 'build'));
  running.get(id)?.abort(new DOMException('the build was cancelled', 'AbortError'));
  return c.body(null, 204);
};

export const ladeBuildRoutes = (parts: DaemonParts): Hono => {
  const app = new Hono();
  const kitchen: Kitchen = { parts, running: new Map() };
  app.post('/lade/v1/build', (c) => build(c, kitchen));
  app.post('/lade/v1/build/archive', (c) => buildArchive(c, kitchen));
  app.post('/lade/v1/builds/:build/cancel', (c) => cancel(c, kitchen));
  return app;
};
