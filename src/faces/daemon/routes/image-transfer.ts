import { Hono, type Context } from 'hono';
import { decodeRegistryAuth, parseFlag } from '#api';
import { requestSignal, sendStream } from '#http';
import type { ImportRequest, LibraryEvent, Pushed } from '#library';
import { progressLine } from '../image-progress.ts';
import { daemonErrors } from '../errors.ts';
import { streamProgress, type JsonLines } from '../json-lines.ts';
import { isRepository, referenceWith, toCredentials } from '../image-names.ts';
import { platformsOf } from '../platform-query.ts';
import { openRemoteArchive } from '../remote-archive.ts';
import { withBody } from '../request-body.ts';
import { flag, param, textOf } from '../request.ts';
import type { DaemonParts } from '../types.ts';

const authOf = (c: Context) => toCredentials(decodeRegistryAuth(c.req.header('x-registry-auth')));

const pull = (c: Context, { library }: DaemonParts, name: string): Promise<Response> =>
  streamProgress(c, async (lines) => {
    const reference = referenceWith(name.replace(/:$/, ''), textOf(c, 'tag'));
    const request = {
      reference,
      platform: platformsOf(c)?.[0],
      allPlatforms: flag(c, 'allPlatforms'),
      referrers: flag(c, 'referrers'),
      auth: authOf(c),
      signal: requestSignal(c),
    };
    const tell = (event: LibraryEvent): void => lines.write(progressLine(event));
    if (isRepository(reference)) await library.pullAllTags(request, tell);
    else await library.pull(request, tell);
  });

/** Between two lines of progress. */
const PROGRESS_BYTES = 4 * 1024 * 1024;

interface Fetching {
  readonly source: string;
  readonly lines: JsonLines;
}

const changesOf = (c: Context): readonly string[] =>
  (c.req.queries('changes') ?? []).flatMap((text) => text.split('\n')).filter((line) => line.trim() !== '');

const importRequest = (c: Context): Omit<ImportRequest, 'stream'> => {
  const repository = textOf(c, 'repo');
  return {
    reference: repository === undefined ? undefined : referenceWith(repository, textOf(c, 'tag')),
    changes: changesOf(c),
    message: textOf(c, 'message'),
    platform: platformsOf(c)?.[0],
    signal: requestSignal(c),
  };
};

/** The daemon fetches the archive, and tells how far it is. */
const importFrom = async (c: Context, { library }: DaemonParts, { source, lines }: Fetching) => {
  const request = importRequest(c);
  let shown = 0;
  const onBytes = (current: number, total?: number): void => {
    if (current - shown < PROGRESS_BYTES && current !== total) return;
    shown = current;
    lines.write({ status: 'Importing', progressDetail: { current, total } });
  };
  await using archive = await openRemoteArchive(source, { signal: requestSignal(c), onBytes });
  lines.write({ status: `Downloading from ${source}` });
  return await library.import({ ...request, stream: archive.body, source });
};

const importArchive = (c: Context, parts: DaemonParts): Promise<Response> =>
  streamProgress(c, async (lines) => {
    const source = textOf(c, 'fromSrc') ?? '-';
    const image =
      source === '-'
        ? await withBody(c, (stream) => parts.library.import({ ...importRequest(c), stream }))
        : await importFrom(c, parts, { source, lines });
    lines.write({ status: image.record.id });
  });

const create = (c: Context, parts: DaemonParts): Promise<Response> => {
  const name = textOf(c, 'fromImage');
  // An empty name is no wish to import the empty body that comes with it.
  if (name === undefined && textOf(c, 'fromSrc') === undefined)
    throw daemonErrors.parameterMissing({ name: 'fromImage' });
  return name === undefined ? importArchive(c, parts) : pull(c, parts, name);
};

const push = (c: Context, { library }: DaemonParts): Promise<Response> =>
  streamProgress(c, async (lines) => {
    const reference = referenceWith(param(c, 'name'), textOf(c, 'tag'));
    const request = {
      reference,
      platform: platformsOf(c)?.[0],
      auth: authOf(c),
      signal: requestSignal(c),
    };
    const tell = (event: LibraryEvent): void => lines.write(progressLine(event));
    const told = ({ tag, digest, size }: Pushed): void => {
      lines.write({ status: `${tag}: digest: ${digest} size: ${size}` });
      lines.write({ progressDetail: {}, aux: { Tag: tag, Digest: digest, Size: size } });
    };
    if (isRepository(reference)) await library.pushAllTags(request, tell, told);
    else told(await library.push(request, tell));
  });

const save = async (c: Context, { library }: DaemonParts, names: readonly string[]): Promise<Response> => {
  const since = (c.req.queries('since') ?? []).filter((name) => name !== '');
  return await sendStream(
    c,
    { status: 200, headers: { 'Content-Type': 'application/x-tar' } },
    await library.save(names, { platforms: platformsOf(c), since, signal: requestSignal(c) }),
  );
};

const load = (c: Context, { library }: DaemonParts): Promise<Response> =>
  streamProgress(c, async (lines) => {
    const quiet = parseFlag(c.req.query('quiet'));
    const tell = (event: LibraryEvent): void => {
      if (!quiet || event.kind === 'loaded') lines.write(progressLine(event));
    };
    const options = { platforms: platformsOf(c), signal: requestSignal(c) };
    await withBody(c, (stream) => library.load(stream, tell, options));
  });

/** Images in and out: pull, push, import, save, load. */
export const imageTransferRoutes = (parts: DaemonParts): Hono => {
  const app = new Hono();
  app.post('/images/create', (c) => create(c, parts));
  app.post('/images/load', (c) => load(c, parts));
  app.get('/images/get', (c) => save(c, parts, c.req.queries('names') ?? []));
  app.get('/images/:name{.+}/get', (c) => save(c, parts, [param(c, 'name')]));
  app.post('/images/:name{.+}/push', (c) => push(c, parts));
  return app;
};
