import { tarErrors } from './errors.ts';
import { createTarParser } from './parser.ts';
import type { TarEntry, TarItem } from './types.ts';

type Event =
  | { readonly kind: 'entry'; readonly entry: TarEntry }
  | { readonly kind: 'data'; readonly chunk: Buffer };

const ZEROS = Buffer.alloc(64 * 1024);

function* holes(size: number): Generator<Buffer, void, undefined> {
  for (let left = size; left > 0; left -= ZEROS.length) yield ZEROS.subarray(0, Math.min(left, ZEROS.length));
}

/** Puts zeros between the stored runs of a sparse file. */
async function* expand(
  entry: TarEntry,
  stored: AsyncIterable<Buffer>,
): AsyncGenerator<Buffer, void, undefined> {
  const extents = entry.sparse ?? [];
  let index = 0;
  let within = 0;
  let position = 0;
  for await (const chunk of stored) {
    for (let at = 0; at < chunk.length;) {
      const extent = extents[index];
      if (extent === undefined) return;
      yield* holes(extent.offset + within - position);
      const piece = chunk.subarray(at, at + extent.size - within);
      yield piece;
      at += piece.length;
      within += piece.length;
      position = extent.offset + within;
      if (within === extent.size) {
        index++;
        within = 0;
      }
    }
  }
  yield* holes(entry.size - position);
}

/** Feeds the parser only as far as the reader asks, so that at most one chunk's events wait. */
class Source {
  readonly #events: Event[] = [];
  readonly #chunks: AsyncIterator<Uint8Array>;
  readonly #parser = createTarParser({
    onEntry: (entry) => this.#events.push({ kind: 'entry', entry }),
    onData: (chunk) => this.#events.push({ kind: 'data', chunk }),
  });

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  /** The next event without taking it; undefined at the end. */
  async peek(): Promise<Event | undefined> {
    while (this.#events.length === 0) {
      const next = await this.#chunks.next();
      if (next.done === true) {
        this.#parser.end();
        return undefined;
      }
      this.#parser.feed(next.value);
    }
    return this.#events[0];
  }

  take(): void {
    this.#events.shift();
  }

  async *data(): AsyncGenerator<Buffer, void, undefined> {
    for (let event = await this.peek(); event?.kind === 'data'; event = await this.peek()) {
      this.take();
      yield event.chunk;
    }
  }

  async close(): Promise<void> {
    await this.#chunks.return?.();
  }
}

const collect = async (entry: TarEntry, content: AsyncIterable<Buffer>, limit: number): Promise<Buffer> => {
  if (entry.size > limit)
    throw tarErrors.tooLarge({ offset: entry.dataOffset, what: `the file ${entry.path}`, limit });
  const chunks: Buffer[] = [];
  for await (const chunk of content) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
};

const itemOf = (source: Source, entry: TarEntry): TarItem => {
  const content = (): AsyncIterable<Buffer> =>
    entry.sparse === undefined ? source.data() : expand(entry, source.data());
  return { entry, content, bytes: (maxBytes) => collect(entry, content(), maxBytes) };
};

/**
 * Reads an archive in order. The chunks of a content are valid until the next is asked for; the source is closed when
 * the reader stops early.
 */
export async function* readTar(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<TarItem, void, undefined> {
  const source = new Source(chunks);
  try {
    for (let event = await source.peek(); event !== undefined; event = await source.peek()) {
      source.take();
      if (event.kind === 'entry') yield itemOf(source, event.entry);
    }
  } finally {
    await source.close();
  }
}
