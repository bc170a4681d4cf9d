import { Hono, type Context } from 'hono';
import { answered, hijack } from '#http';
import type { TerminalSize } from '#runtime';
import { endingWithExit, noticeExecEnd } from '../exec-end.ts';
import { body, param } from '../request.ts';
import { runRawSession } from '../raw-session.ts';
import { streamType } from './container-streams.ts';
import { sizeOf } from './containers.ts';
import type { DaemonParts } from '../types.ts';

const consoleSizeOf = (size: readonly number[] | null | undefined): TerminalSize | undefined => {
  const [rows, cols] = size ?? [];
  return rows === undefined || cols === undefined ? undefined : { rows, cols };
};

const create = async (c: Context, { engine }: DaemonParts): Promise<Response> => {
  const config = await body(c, 'execCreate');
  const { id } = await engine.execs.create(param(c, 'id'), {
    cmd: config.Cmd,
    env: config.Env ?? undefined,
    workingDir: config.WorkingDir,
    user: config.User,
    tty: config.Tty,
    privileged: config.Privileged,
    attachStdin: config.AttachStdin,
    attachStdout: config.AttachStdout,
    attachStderr: config.AttachStderr,
    detachKeys: config.DetachKeys,
    consoleSize: consoleSizeOf(config.ConsoleSize),
  });
  return c.json({ Id: id }, 201);
};

const start = async (c: Context, { engine, events, log }: DaemonParts): Promise<Response> => {
  const options = await body(c, 'execStart');
  using stack = new DisposableStack();
  const end = stack.use(noticeExecEnd(events, param(c, 'id')));
  const session = await engine.execs.start(param(c, 'id'), {
    detach: options.Detach,
    consoleSize: consoleSizeOf(options.ConsoleSize),
  });
  if (session === undefined) return c.body(null, 200);
  stack.move();
  const attachment = endingWithExit(session, end);
  const socket = hijack(c, { contentType: streamType(c, attachment.tty) });
  runRawSession(socket, attachment).catch((error: unknown) => {
    log.warn({ err: error, exec: param(c, 'id') }, 'exec session ended');
    socket.destroy();
  });
  return answered();
};

/** Further processes in containers. */
export const execRoutes = (parts: DaemonParts): Hono => {
  const app = new Hono();
  app.post('/containers/:id/exec', (c) => create(c, parts));
  app.post('/exec/:id/start', (c) => start(c, parts));
  app.get('/exec/:id/json', async (c) => c.json(await parts.engine.execs.inspect(param(c, 'id'))));
  app.post('/exec/:id/resize', async (c) => {
    await parts.engine.execs.resize(param(c, 'id'), sizeOf(c));
    return c.body(null, 200);
  });
  return app;
};
