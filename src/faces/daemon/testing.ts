import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { pino } from 'pino';
import { createHttpClient, startHttpServer, type HttpClient } from '#http';
import { createDaemonApp } from './app.ts';
import { createEventLog } from './event-log.ts';
import type { DaemonParts } from './types.ts';

type DeepPartial<T> = T extends (...args: never[]) => unknown
  ? (...args: never[]) => unknown
  : { readonly [K in keyof T]?: DeepPartial<T[K]> };

export interface Served extends AsyncDisposable {
  readonly socketPath: string;
  readonly client: HttpClient;
  readonly events: DaemonParts['events'];
  /** Status and text (or JSON) of one request. */
  ask(
    method: string,
    path: string,
    body?: string,
  ): Promise<{ status: number; headers: object; text: string }>;
}

/** The real application on a real socket, above parts of which only the named ones exist. */
export const serveParts = async (parts: DeepPartial<DaemonParts>): Promise<Served> => {
  const directory = mkdtempSync(join(tmpdir(), 'lade-daemon-'));
  const socketPath = join(directory, 's');
  const events = createEventLog();
  const engine = { containers: {}, execs: {}, volumes: {}, ...parts.engine };
  const whole = { log: pino({ level: 'silent' }), events, library: {}, networks: {}, ...parts, engine };
  const app = createDaemonApp(whole as unknown as DaemonParts);
  const server = await startHttpServer({ app, listen: [{ kind: 'unix', path: socketPath }] });
  const client = createHttpClient({ socketPath });
  return {
    socketPath,
    client,
    events,
    async ask(method, path, body) {
      const headers = body === undefined ? {} : { 'Content-Type': 'application/json' };
      const answer = await client.request({ method, url: path, body, headers });
      const content = await text(answer.body);
      return { status: answer.status, headers: answer.headers, text: content };
    },
    async [Symbol.asyncDispose]() {
      await client[Symbol.asyncDispose]();
      await server.close(200);
      rmSync(directory, { recursive: true });
    },
  };
};
