/**
 * `node limit.ts DIRECTORY BLOB…`: the least that storing gzip layers can take on two cores, in milliseconds.
 *
 * The SHA-256 of the blobs, the inflation of their bytes and the SHA-256 of what comes out, spread over two threads,
 * largest first; plus one sequential write of as many bytes. Nothing is fetched, parsed, made durable or recorded.
 */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync, statSync, unlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { createGunzip } from 'node:zlib';

const THREADS = 2;
const CHUNK = 1 << 20;

/** Hashes a blob and what it unpacks to; the bytes it unpacks to. */
const unpackOne = async (path: string): Promise<number> => {
  const blob = readFileSync(path);
  createHash('sha256').update(blob).digest();
  const hash = createHash('sha256');
  const gunzip = createGunzip({ chunkSize: CHUNK });
  gunzip.end(blob);
  let size = 0;
  for await (const chunk of gunzip as AsyncIterable<Buffer>) {
    hash.update(chunk);
    size += chunk.length;
  }
  hash.digest();
  return size;
};

const serve = (): void => {
  parentPort?.on('message', (path: string | undefined) => {
    if (path === undefined) parentPort?.close();
    else void unpackOne(path).then((size) => parentPort?.postMessage(size, []));
  });
  parentPort?.postMessage(0, []);
};

const drive = async (worker: Worker, queue: string[]): Promise<number> => {
  let bytes = 0;
  for (let path = queue.shift(); path !== undefined; path = queue.shift()) {
    worker.postMessage(path, []);
    const [size] = (await once(worker, 'message')) as [number];
    bytes += size;
  }
  worker.postMessage(undefined, []);
  return bytes;
};

const writeOnce = (path: string, bytes: number): void => {
  const chunk = Buffer.alloc(CHUNK, 0x5a);
  const fd = openSync(path, 'w');
  for (let done = 0; done < bytes; done += CHUNK) writeSync(fd, chunk, 0, Math.min(CHUNK, bytes - done));
  closeSync(fd);
};

const main = async (): Promise<void> => {
  const [directory = '.', ...blobs] = process.argv.slice(2);
  const workers = Array.from({ length: THREADS }, () => new Worker(new URL(import.meta.url)));
  await Promise.all(workers.map((worker) => once(worker, 'message')));
  const queue = blobs.toSorted((a, b) => statSync(b).size - statSync(a).size);
  const began = performance.now();
  const bytes = (await Promise.all(workers.map((worker) => drive(worker, queue)))).reduce((a, b) => a + b, 0);
  const path = join(directory, 'limit.bin');
  writeOnce(path, bytes);
  console.log((performance.now() - began).toFixed(1));
  unlinkSync(path);
};

if (isMainThread) await main();
else serve();
