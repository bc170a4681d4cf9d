import { open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Makes the entries of a directory durable. */
export const syncDirectory = async (path: string): Promise<void> => {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
};

/** Moves a file that is durable already, and makes the move durable. Both paths are on one file system. */
export const moveDurably = async (from: string, to: string): Promise<void> => {
  await rename(from, to);
  await syncDirectory(dirname(to));
};

/** Writes a whole file and makes its bytes durable; its name is not yet. */
export const writeDurably = async (path: string, bytes: Uint8Array | string): Promise<void> => {
  const handle = await open(path, 'w', 0o600);
  try {
    await handle.writeFile(bytes);
    await handle.sync();
  } finally {
    await handle.close();
  }
};

/** The same for content that comes in pieces; `each` sees every piece. */
export const writeStreamDurably = async (
  path: string,
  content: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  each: (chunk: Uint8Array) => void,
): Promise<void> => {
  const handle = await open(path, 'w', 0o600);
  try {
    for await (const chunk of content) {
      each(chunk);
      await handle.writeFile(chunk);
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
};
