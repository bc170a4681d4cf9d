import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { DistributionEvent } from './event.ts';

/** One request that a sink got. */
export interface Received {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly events: readonly DistributionEvent[];
}

/** An endpoint of webhooks that keeps what it gets. */
export interface Sink extends AsyncDisposable {
  readonly url: string;
  readonly received: Received[];
  /** Status of the next answers; 200 at first. */
  status: number;
  /** Header of the answers. */
  location: string | undefined;
  /** Repository and tag, or digest, of every event that was accepted. */
  readonly accepted: string[];
}

/** Starts a sink on a free port of loopback. */
export const startSink = async (): Promise<Sink> => {
  const server = createServer((request, response) => {
    const take = async (): Promise<void> => {
      const body = await text(request);
      const { events } = JSON.parse(body) as { events: readonly DistributionEvent[] };
      sink.received.push({ headers: request.headers, body, events });
      if (sink.status === 200)
        sink.accepted.push(
          ...events.map(
            ({ action, target: { repository = '', tag, digest = '' } }) =>
              `${action} ${repository}:${tag ?? digest}`,
          ),
        );
      const headers = sink.location === undefined ? {} : { location: sink.location };
      response.writeHead(sink.status, headers).end();
    };
    void take();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const sink: Sink = {
    url: `http://127.0.0.1:${port}/events`,
    received: [],
    accepted: [],
    status: 200,
    location: undefined,
    [Symbol.asyncDispose]: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
  return sink;
};
