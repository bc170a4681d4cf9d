import { Hono, type Context } from 'hono';
import { decodeRegistryAuth, parseFlag } from '#api';
import { requestSignal, sendStream } from '#http';
import type { LibraryEvent } from '#library';
import { daemonErrors } from '../errors.ts';
import { progressLine } from '../image-progress.ts';
import { streamProgress } from '../json-lines.ts';
import { referenceWith, toCredentials } from '../image-names.ts';
import { withBody } from '../request-body.ts';
import { param, textOf } from '../request.ts';
import type { DaemonParts } from '../types.ts';

const authOf = (c: Context) => toCredentials(decodeRegistryAuth(c.req.header('x-registry-auth')));

const pull = (c: Context, { library }: DaemonParts, name: string): Promise<Response> =>
  streamProgress(c, async (lines) => {
    await library.pull(
      {
        reference: referenceWith(name, textOf(c, 'tag')),
        platform: textOf(c, 'platform'),
        auth: authOf(c),
        signal: requestSignal(c),
      },
      (event) => lines.write(progressLine(event)),
    );
  });

const changesOf = (c: Context): readonly string[] =>
  (c.req.queries('changes') ?? []).flatMap((text) => text.split('\n')).filter((line) => line.trim() !== '');

const importArchive = (c: Context, { library }: DaemonParts): Promise<Response> =>
  streamProgress(c, async (lines) => {
    const source = textOf(c, 'fromSrc');
    if (source !== '-')
      throw daemonErrors.optionUnsupported({
        option: `fromSrc=${source ?? ''}`,
        reason: 'download the archive on the client and send it',
      });
    const repository = textOf(c, 'repo');
    const image = await withBody(c, (stream) =>
      library.import({
        stream,
        reference: repository === undefined ? undefined : referenceWith(repository, textOf(c, 'tag')),
        changes: changesOf(c),
        message: textOf(c, 'message'),
        platform: textOf(c, 'platform'),
        signal: requestSignal(c),
      }),
    );
    lines.write({ status: image.record.id });
  });

const create = (c: Context, parts: DaemonParts): Promise<Response> => {
  const name = textOf(c, 'fromImage');
  return name === undefined ? importArchive(c, parts) : pull(c, parts, name);
};

const push = (c: Context, { library }: DaemonParts): Promise<Response> =>
  streamProgress(c, async (lines) => {
    const tag = textOf(c, 'tag');
    const reference = referenceWith(param(c, 'name'), tag);
    const pushed = await library.push({ reference, auth: authOf(c), signal: requestSignal(c) }, (event) =>
      lines.write(progressLine(event)),
    );
    const shown = tag ?? 'latest';
    lines.write({ status: `${shown}: digest: ${pushed.digest} size: ${pushed.size}` });
    lines.write({ progressDetail: {}, aux: { Tag: shown, Digest: pushed.digest, Size: pushed.size } });
  });

const save = async (c: Context, { library }: DaemonParts, names: readonly string[]): Promise<Response> =>
  await sendStream(
    c,
    { status: 200, headers: { 'Content-Type': 'application/x-tar' } },
    await library.save(names, { signal: requestSignal(c) }),
  );

const load = (c: Context, { library }: DaemonParts): Promise<Response> =>
  streamProgress(c, async (lines) => {
    const quiet = parseFlag(c.req.query('quiet'));
    const tell = (event: LibraryEvent): void => {
      if (!quiet || event.kind === 'loaded') lines.write(progressLine(event));
    };
    await withBody(c, (stream) => library.load(stream, tell, { signal: requestSignal(c) }));
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
