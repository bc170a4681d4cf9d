import { Hono, type Context } from 'hono';
import { decodeRegistryConfig, type ProgressLine } from '#api';
import { copyImage, type CopyEvent } from '#distribution';
import { requestSignal } from '#http';
import {
  canonicalString,
  familiarString,
  parsePlatform,
  parseReference,
  shortId,
  withDigest,
  withTag,
  type Reference,
} from '#oci';
import { longestPath, toCredentials } from '../image-names.ts';
import { streamProgress } from '../json-lines.ts';
import { body } from '../request.ts';
import type { DaemonParts } from '../types.ts';

/** At most so many milliseconds between two numbers of one blob. */
const INTERVAL_MS = 100;

/** Without a tag of its own, the copy gets that of what is copied, or none where that is named by digest only. */
const targetOf = (text: string, source: Reference): Reference => {
  const target = parseReference(text, { defaultTag: false });
  if (target.tag !== undefined || target.digest !== undefined) return target;
  if (source.tag !== undefined) return withTag(target, source.tag);
  return source.digest === undefined ? target : withDigest(target, source.digest);
};

const lineOf = (event: Extract<CopyEvent, { kind: 'blob' }>): ProgressLine => ({
  id: shortId(event.digest),
  status: event.status,
  progressDetail: event.current === undefined ? {} : { current: event.current, total: event.total },
});

/** Numbers only now and then, everything else at once. */
const tellTo = (write: (line: ProgressLine) => void): ((event: CopyEvent) => void) => {
  const last = new Map<string, number>();
  return (event) => {
    if (event.kind === 'manifest') return;
    const now = performance.now();
    const isNumber = event.current !== undefined && event.current !== event.total;
    if (isNumber && now - (last.get(event.digest) ?? 0) < INTERVAL_MS) return;
    last.set(event.digest, now);
    write(lineOf(event));
  };
};

/** POST /lade/v1/images/copy: from registry to registry; progress lines, the digest in the last one's `aux`. */
const copy = (c: Context, parts: DaemonParts): Promise<Response> =>
  streamProgress(c, async (lines) => {
    const request = await body(c, 'ladeImageCopy');
    const source = parseReference(request.source);
    const target = targetOf(request.target, source);
    const platform = request.platform === undefined ? undefined : parsePlatform(request.platform);
    const credentials = longestPath(decodeRegistryConfig(c.req.header('x-registry-config')));
    await using client = parts.registryClient((repository) => toCredentials(credentials(repository)));
    const copied = await copyImage(
      {
        source: client.repository(source),
        target: client.repository(target),
        platform,
        referrers: request.referrers,
        signal: requestSignal(c),
      },
      tellTo((line) => lines.write(line)),
    );
    const { digest, size, mediaType } = copied;
    lines.write({ status: `Digest: ${digest}` });
    lines.write({ status: `Status: Copied ${familiarString(source)} to ${familiarString(target)}` });
    const reference = canonicalString(withDigest(target, digest));
    lines.write({ aux: { Digest: digest, Size: size, MediaType: mediaType, Reference: reference } });
  });

/** Images from registry to registry. */
export const imageCopyRoutes = (parts: DaemonParts): Hono => {
  const app = new Hono();
  app.post('/lade/v1/images/copy', (c) => copy(c, parts));
  return app;
};
