import { Hono, type Context } from 'hono';
import type { Body } from '#api';
import type { Attachment } from '#engine';
import { toLadeError } from '#errors';
import { answered, hijack } from '#http';
import type { TerminalSize } from '#runtime';
import { messageFor } from '../answer-error.ts';
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

async function* messageOf(error: unknown, userAgent: string | undefined): Attachment['output'] {
  yield { stream: 'stdout', data: Buffer.from(`${messageFor(toLadeError(error), userAgent)}\r\n`) };
}

/**
 * A process that could not begin is told on the stream: clients show an HTTP error there as a failed upgrade, and never
 * look at the exit code, 126 or 127. Everything else stays an error of the request.
 */
const failureAsOutput = async (c: Context, { engine }: DaemonParts, error: unknown): Promise<Attachment> => {
  const exec = await engine.execs.inspect(param(c, 'id')).catch(() => undefined);
  const couldNotBegin = typeof exec?.ExitCode === 'number' && exec.Pid === 0;
  if (!couldNotBegin) throw error;
  return {
    tty: exec.ProcessConfig.tty,
    stdin: undefined,
    output: messageOf(error, c.req.header('user-agent')),
    close: () => undefined,
  };
};

/** Undefined when detached. */
const begin = async (
  c: Context,
  parts: DaemonParts,
  options: Body<'execStart'>,
): Promise<Attachment | undefined> => {
  const id = param(c, 'id');
  const end = noticeExecEnd(parts.events, id);
  try {
    const session = await parts.engine.execs.start(id, {
      detach: options.Detach,
      consoleSize: consoleSizeOf(options.ConsoleSize),
    });
    if (session !== undefined) return endingWithExit(session, end);
    end[Symbol.dispose]();
    return undefined;
  } catch (error) {
    end[Symbol.dispose]();
    if (options.Detach === true) throw error;
    return failureAsOutput(c, parts, error);
  }
};

const start = async (c: Context, parts: DaemonParts): Promise<Response> => {
  const attachment = await begin(c, parts, await body(c, 'execStart'));
  if (attachment === undefined) return c.body(null, 200);
  const socket = hijack(c, { contentType: streamType(c, attachment.tty) });
  runRawSession(socket, attachment).catch((error: unknown) => {
    parts.log.warn({ err: error, exec: param(c, 'id') }, 'exec session ended');
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
