import { Hono, type Context } from 'hono';
import { MULTIPLEXED_STREAM, RAW_STREAM, apiErrors, parseTimestamp, parseWhole } from '#api';
import { answered, drained, hijack, outgoing, requestSignal, sendStream } from '#http';
import { flag, param, speaks, textOf } from '../request.ts';
import { jsonLines } from '../json-lines.ts';
import { pumpOutput, runRawSession } from '../raw-session.ts';
import { daemonErrors } from '../errors.ts';
import type { DaemonParts } from '../types.ts';

const id = (c: Context): string => param(c, 'id');

/** Media type of a stream: since API 1.42 its name says whether it is multiplexed. */
export const streamType = (c: Context, tty: boolean): string =>
  !tty && speaks(c, '1.42') ? MULTIPLEXED_STREAM : RAW_STREAM;

const attach = async (c: Context, { engine, log }: DaemonParts): Promise<Response> => {
  const attachment = await engine.containers.attach(id(c), {
    logs: flag(c, 'logs'),
    stream: flag(c, 'stream'),
    stdin: flag(c, 'stdin'),
    stdout: flag(c, 'stdout'),
    stderr: flag(c, 'stderr'),
  });
  const socket = hijack(c, { contentType: streamType(c, attachment.tty) });
  runRawSession(socket, attachment).catch((error: unknown) => {
    log.warn({ err: error, container: id(c) }, 'attach ended');
    socket.destroy();
  });
  return answered();
};

const tailOf = (c: Context): number | undefined => {
  const value = textOf(c, 'tail');
  return value === undefined || value === 'all' ? undefined : parseWhole('tail', value);
};

const logs = async (c: Context, { engine }: DaemonParts): Promise<Response> => {
  const [stdout, stderr] = [flag(c, 'stdout'), flag(c, 'stderr')];
  if (!stdout && !stderr)
    throw apiErrors.parameterInvalid({
      name: 'stdout',
      value: '',
      expected: 'stdout or stderr to be chosen',
    });
  const tail = tailOf(c);
  const { output, tty } = await engine.containers.logs(id(c), {
    follow: flag(c, 'follow'),
    stdout,
    stderr,
    tail: tail !== undefined && tail < 0 ? undefined : tail,
    sinceNs: parseTimestamp('since', textOf(c, 'since')),
    untilNs: parseTimestamp('until', textOf(c, 'until')),
    timestamps: flag(c, 'timestamps'),
    signal: requestSignal(c),
  });
  const response = outgoing(c);
  response.writeHead(200, { 'Content-Type': streamType(c, tty) });
  response.flushHeaders();
  try {
    await pumpOutput(output, tty, response);
    response.end();
  } catch {
    response.destroy();
  }
  return answered();
};

const stats = async (c: Context, { engine }: DaemonParts): Promise<Response> => {
  const lines = jsonLines(c);
  const stream = flag(c, 'stream', true);
  const readings = engine.containers.stats(id(c), {
    stream,
    oneShot: flag(c, 'one-shot'),
    signal: requestSignal(c),
  });
  for await (const reading of readings) {
    lines.write(reading);
    const response = outgoing(c);
    await drained(response);
    if (response.destroyed || !stream) break;
  }
  lines.end();
  return answered();
};

const exportTar = async (c: Context, { engine }: DaemonParts): Promise<Response> => {
  const tar = await engine.containers.exportTar(id(c));
  return await sendStream(c, { status: 200, headers: { 'Content-Type': 'application/octet-stream' } }, tar);
};

/** Calls on containers whose answers are streams. */
export const containerStreamRoutes = (parts: DaemonParts): Hono => {
  const app = new Hono();
  app.post('/containers/:id/attach', (c) => attach(c, parts));
  app.get('/containers/:id/attach/ws', (c) => {
    throw daemonErrors.notServed({ method: 'GET', path: c.req.path });
  });
  app.get('/containers/:id/logs', (c) => logs(c, parts));
  app.get('/containers/:id/stats', (c) => stats(c, parts));
  app.get('/containers/:id/export', (c) => exportTar(c, parts));
  return app;
};
