import { Hono, type Context } from 'hono';
import type { ShellExitAnswer } from '#api';
import type { DebugPlace } from '#builder';
import { answered, hijack } from '#http';
import { daemonErrors } from '../errors.ts';
import { runRawSession } from '../raw-session.ts';
import { flag, param, textOf } from '../request.ts';
import type { DaemonParts } from '../types.ts';
import { streamType } from './container-streams.ts';
import { sizeOf } from './containers.ts';

const PLACES: readonly DebugPlace[] = ['before', 'after'];
const SHELL_NAME = /^debug-[0-9a-f]{16}$/u;

const placeOf = (c: Context): DebugPlace => {
  const value = textOf(c, 'place') ?? 'after';
  const place = PLACES.find((each) => each === value);
  if (place === undefined) throw daemonErrors.parameterUnknown({ name: 'place', value });
  return place;
};

const shellOf = (c: Context): string => {
  const shell = param(c, 'shell');
  if (!SHELL_NAME.test(shell)) throw daemonErrors.parameterUnknown({ name: 'shell', value: shell });
  return shell;
};

/**
 * POST /lade/v1/builds/{build}/shells/{shell}: a shell where the build failed, as a hijacked connection like that of an
 * exec. The caller makes the shell's name up. The shell ends with the connection.
 */
const start = async (c: Context, parts: DaemonParts): Promise<Response> => {
  const { failed } = await parts.builder();
  const terminal = flag(c, 'tty');
  const { rows, cols } = sizeOf(c);
  const opened = await failed.shell(param(c, 'build'), {
    shell: shellOf(c),
    place: placeOf(c),
    args: c.req.queries('arg') ?? [],
    terminal,
    size: terminal && rows > 0 && cols > 0 ? { rows, cols } : undefined,
  });
  const socket = hijack(c, { contentType: streamType(c, terminal) });
  runRawSession(socket, { ...opened, tty: terminal }).catch((error: unknown) => {
    parts.log.warn({ err: error, shell: opened.id }, 'session of a failed step ended');
    socket.destroy();
  });
  return answered();
};

const exit = async (c: Context, parts: DaemonParts): Promise<Response> => {
  const { failed } = await parts.builder();
  const answer: ShellExitAnswer = { exitCode: await failed.exitOf(shellOf(c)) };
  return c.json(answer);
};

/** Shells in failed steps that were kept (`lade build --debug`). */
export const ladeShellRoutes = (parts: DaemonParts): Hono => {
  const app = new Hono();
  app.post('/lade/v1/builds/:build/shells/:shell', (c) => start(c, parts));
  app.get('/lade/v1/shells/:shell', (c) => exit(c, parts));
  app.post('/lade/v1/shells/:shell/resize', async (c) => {
    await (await parts.builder()).failed.resize(shellOf(c), sizeOf(c));
    return c.body(null, 200);
  });
  app.delete('/lade/v1/builds/:build/kept', async (c) => {
    await (await parts.builder()).failed.release(param(c, 'build'));
    return c.body(null, 204);
  });
  return app;
};
