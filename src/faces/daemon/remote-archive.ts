import { Readable } from 'node:stream';
import { createHttpClient, type HttpClient, type HttpResponse } from '#http';
import { daemonErrors } from './errors.ts';

const MOST_REDIRECTS = 10;
const TIMEOUTS = { connectMs: 15_000, headersMs: 60_000, idleMs: 60_000 } as const;
/** Of what the server says that it sends. */
const MOST_BYTES = 64 * 1024 ** 3;

/** An archive that another server sends. Disposing ends the connection. */
export interface RemoteArchive extends AsyncDisposable {
  readonly body: Readable;
}

const parseSource = (source: string, base?: string): URL => {
  const url = URL.canParse(source, base) ? new URL(source, base) : undefined;
  if (url !== undefined && (url.protocol === 'http:' || url.protocol === 'https:')) return url;
  throw daemonErrors.sourceUnreadable({ source, reason: 'only http and https addresses can be imported' });
};

/** What is cut off complains, and nobody listens any more. */
const letGo = (body: Readable): void => void body.on('error', () => undefined).destroy();

const follow = async (client: HttpClient, source: string, signal: AbortSignal): Promise<HttpResponse> => {
  let url = parseSource(source);
  for (let steps = 0; steps <= MOST_REDIRECTS; steps += 1) {
    const response = await client.request({ url, signal });
    const location = response.headers['location'];
    if (response.status < 300 || response.status >= 400 || typeof location !== 'string') return response;
    letGo(response.body);
    url = parseSource(location, url.href);
  }
  throw daemonErrors.sourceUnreadable({ source, reason: `more than ${MOST_REDIRECTS} redirects` });
};

const tooLarge = (source: string): Error =>
  daemonErrors.sourceUnreadable({ source, reason: 'it is larger than 64 GiB' });

const sizeOf = (source: string, { status, headers }: HttpResponse): number | undefined => {
  if (status !== 200)
    throw daemonErrors.sourceUnreadable({ source, reason: `the server answered with status ${status}` });
  const length = headers['content-length'];
  if (Number(length ?? 0) > MOST_BYTES) throw tooLarge(source);
  return length === undefined ? undefined : Number(length);
};

async function* bounded(
  source: string,
  body: AsyncIterable<Buffer>,
  onBytes: (current: number) => void,
): AsyncGenerator<Buffer, void, undefined> {
  let current = 0;
  for await (const chunk of body) {
    current += chunk.length;
    if (current > MOST_BYTES) throw tooLarge(source);
    onBytes(current);
    yield chunk;
  }
}

/** Asks a server for an archive: http or https, a few redirects, bounded in silence and in size. */
export const openRemoteArchive = async (
  source: string,
  {
    signal,
    onBytes,
  }: { readonly signal: AbortSignal; readonly onBytes: (current: number, total?: number) => void },
): Promise<RemoteArchive> => {
  parseSource(source);
  const client = createHttpClient({ timeouts: TIMEOUTS });
  try {
    const response = await follow(client, source, signal);
    response.body.once('error', () => undefined);
    const size = sizeOf(source, response);
    const told = (current: number): void => onBytes(current, size);
    const body = Readable.from(bounded(source, response.body, told), { objectMode: false });
    return { body, [Symbol.asyncDispose]: () => client[Symbol.asyncDispose]() };
  } catch (error) {
    await client[Symbol.asyncDispose]();
    throw error;
  }
};
