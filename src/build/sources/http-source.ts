import { createHash, randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { chmod, mkdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createHttpClient, type HttpClient, type HttpResponse } from '#http';
import { sourcesErrors } from './errors.ts';
import { httpAuthorization, type Secrets } from './remote-credentials.ts';
import { bytesText, type SourceLimits } from './remote-limits.ts';
import { withoutPassword, type HttpReference } from './remote-reference.ts';

/** A file that was downloaded; kept until the build cache is pruned. */
export interface Download {
  /** Path on the host; its mode and modification time are those that a layer gets. */
  readonly path: string;
  /** Hex sha256. */
  readonly digest: string;
  /** From Content-Disposition; undefined when the server gives none. */
  readonly offeredName: string | undefined;
}

/** What is remembered of a URL. */
interface Seen {
  readonly digest: string;
  readonly etag: string | undefined;
  readonly lastModified: string | undefined;
  readonly offeredName: string | undefined;
}

export interface HttpSourceOptions {
  /** Where downloads are kept. */
  readonly directory: string;
  readonly limits: SourceLimits;
  readonly secrets: Secrets;
}

const MOST_REDIRECTS = 10;
/** A file at a URL has no mode: BuildKit's choice. */
const FILE_MODE = 0o600;
const MS_PER_SECOND = 1000;

const isRedirect = (status: number): boolean => [301, 302, 303, 307, 308].includes(status);

const headerOf = (response: HttpResponse, name: string): string | undefined => {
  const value = response.headers[name];
  return typeof value === 'string' ? value : value?.[0];
};

/** The last part of a file name that a server offers; nothing that could be a path. */
const offeredName = (disposition: string | undefined): string | undefined => {
  const extended = /filename\*\s*=\s*UTF-8''([^;]+)/iu.exec(disposition ?? '')?.[1];
  const plain = /filename\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;\s]+))/iu.exec(disposition ?? '');
  const written = extended ?? plain?.[1]?.replaceAll(/\\(.)/gu, '$1') ?? plain?.[2];
  if (written === undefined) return undefined;
  let name = written;
  try {
    if (extended !== undefined) name = decodeURIComponent(extended);
  } catch {
    return undefined;
  }
  const last = name.split(/[/\\]/u).at(-1) ?? '';
  return last === '' || last === '.' || last === '..' || last.includes('\0') ? undefined : last;
};

/** The credentials of a URL; `%` that begins no code means itself. */
const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
};

const letGo = (response: HttpResponse): void => void response.body.on('error', () => undefined).destroy();

interface Asking {
  readonly client: HttpClient;
  readonly reference: HttpReference;
  readonly secrets: Secrets;
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

/** Follows redirects; credentials go to the host they are for, never on to another. */
const ask = async (asking: Asking): Promise<HttpResponse> => {
  const { client, reference, secrets, headers, signal } = asking;
  const shown = withoutPassword(reference.url);
  let url = new URL(reference.url);
  const own = { user: decoded(url.username), password: decoded(url.password) };
  const origin = url.origin;
  for (let steps = 0; steps <= MOST_REDIRECTS; steps += 1) {
    const inline =
      url.origin === origin && `${own.user}${own.password}` !== ''
        ? `Basic ${Buffer.from(`${own.user}:${own.password}`).toString('base64')}`
        : undefined;
    const authorization =
      url.origin === origin ? (httpAuthorization(secrets, url.host) ?? inline) : undefined;
    url.username = '';
    url.password = '';
    const response = await client.request({
      url,
      headers: { ...headers, ...(authorization === undefined ? {} : { authorization }) },
      signal,
    });
    const location = headerOf(response, 'location');
    if (!isRedirect(response.status) || location === undefined) return response;
    letGo(response);
    const next = URL.canParse(location, url.href) ? new URL(location, url.href) : undefined;
    if (next === undefined || !/^https?:$/u.test(next.protocol))
      throw sourcesErrors.remoteFailed({
        url: shown,
        problem: 'it redirects to something that is no web address',
      });
    url = next;
  }
  throw sourcesErrors.remoteFailed({ url: shown, problem: `more than ${MOST_REDIRECTS} redirects` });
};

const refuse = (url: string, status: number): never => {
  const problem = `the server answered with status ${status}`;
  if (status === 401 || status === 403) throw sourcesErrors.remoteRefused({ url, problem });
  if (status === 404 || status === 410) throw sourcesErrors.remoteNotFound({ url, problem });
  throw sourcesErrors.remoteFailed({ url, problem });
};

const secondsOf = (lastModified: string | undefined): number => {
  const time = lastModified === undefined ? Number.NaN : Date.parse(lastModified);
  return Number.isFinite(time) && time > 0 ? Math.floor(time / MS_PER_SECOND) : 0;
};

/** Writes an answer's body to a new file; its hex sha256. */
const writeBody = async (
  response: HttpResponse,
  path: string,
  options: { readonly shown: string; readonly limit: number; readonly signal: AbortSignal },
): Promise<string> => {
  const { shown, limit, signal } = options;
  const tooLarge = () => sourcesErrors.tooLarge({ what: shown, limit: bytesText(limit) });
  if (Number(headerOf(response, 'content-length') ?? 0) > limit) throw tooLarge();
  const digest = createHash('sha256');
  let size = 0;
  const counted = async function* (body: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of body) {
      size += chunk.length;
      if (size > limit) throw tooLarge();
      digest.update(chunk);
      yield chunk;
    }
  };
  await pipeline(response.body, counted, createWriteStream(path, { flags: 'wx', mode: FILE_MODE }), {
    signal,
  });
  return digest.digest('hex');
};

const readSeen = async (path: string): Promise<Seen | undefined> => {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as Seen;
  } catch {
    return undefined;
  }
};

const conditions = (seen: Seen | undefined): Readonly<Record<string, string>> => {
  if (seen?.etag !== undefined) return { 'if-none-match': seen.etag };
  return seen?.lastModified === undefined ? {} : { 'if-modified-since': seen.lastModified };
};

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

/**
 * Downloads a file, unless the server says that it is the one that is kept. Limits bound its size, its time and the
 * silences of the server.
 *
 * @throws `SOURCES_REMOTE_NOT_FOUND`, `SOURCES_REMOTE_REFUSED`, `SOURCES_REMOTE_FAILED`, `SOURCES_TOO_LARGE`,
 * `SOURCES_REMOTE_TIMED_OUT`
 */
export const download = async (
  options: HttpSourceOptions,
  reference: HttpReference,
  aborted: AbortSignal,
): Promise<Download> => {
  const { directory, limits, secrets } = options;
  const shown = withoutPassword(reference.url);
  const urls = join(directory, 'urls');
  const files = join(directory, 'files');
  await mkdir(urls, { recursive: true, mode: 0o700 });
  await mkdir(files, { recursive: true, mode: 0o700 });
  const note = join(urls, `${createHash('sha256').update(reference.url).digest('hex')}.json`);
  const pathOf = (seen: Seen): string => join(files, `${seen.digest}-${secondsOf(seen.lastModified)}`);
  const known = await readSeen(note);
  const seen = known !== undefined && (await exists(pathOf(known))) ? known : undefined;
  const late = AbortSignal.timeout(limits.fetchMs);
  const signal = AbortSignal.any([aborted, late]);
  await using client = createHttpClient({ timeouts: { headersMs: limits.idleMs, idleMs: limits.idleMs } });
  const part = join(files, `${randomUUID()}.part`);
  try {
    const headers = { 'accept-encoding': 'identity', 'user-agent': 'lade', ...conditions(seen) };
    const response = await ask({ client, reference, secrets, headers, signal });
    if (response.status === 304 && seen !== undefined) {
      letGo(response);
      return { path: pathOf(seen), digest: seen.digest, offeredName: seen.offeredName };
    }
    if (response.status !== 200) {
      letGo(response);
      return refuse(shown, response.status);
    }
    const digest = await writeBody(response, part, { shown, limit: limits.downloadBytes, signal });
    const fresh: Seen = {
      digest,
      etag: headerOf(response, 'etag'),
      lastModified: headerOf(response, 'last-modified'),
      offeredName: offeredName(headerOf(response, 'content-disposition')),
    };
    const seconds = secondsOf(fresh.lastModified);
    await chmod(part, FILE_MODE);
    await utimes(part, seconds, seconds);
    await rename(part, pathOf(fresh));
    const draft = `${note}.${randomUUID()}`;
    await writeFile(draft, JSON.stringify(fresh));
    await rename(draft, note);
    return { path: pathOf(fresh), digest, offeredName: fresh.offeredName };
  } catch (error) {
    await rm(part, { force: true });
    if (late.aborted && !aborted.aborted)
      throw sourcesErrors.remoteTimedOut({ url: shown, seconds: limits.fetchMs / MS_PER_SECOND }, error);
    throw error;
  }
};
