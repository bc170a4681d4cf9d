/** Output streams that were asked for: each costs time to make. */
const opened = new Set<NodeJS.WriteStream>();

const opening = {
  stdout: (stream: NodeJS.WriteStream): void =>
    void stream.on('error', (error: NodeJS.ErrnoException) => {
      // Whoever read our output has gone: there is nobody left to tell.
      if (error.code === 'EPIPE') process.exit(0);
      const told = `lade: the output cannot be written: ${error.message}\n`;
      openStream('stderr').write(told, () => process.exit(1));
    }),
  stderr: (): void => undefined,
};

/** The process's stream of that name, made when it is asked for first. */
export const openStream = (name: 'stdout' | 'stderr'): NodeJS.WriteStream => {
  const stream = process[name];
  if (opened.has(stream)) return stream;
  opened.add(stream);
  opening[name](stream);
  return stream;
};

const written = (stream: NodeJS.WriteStream): Promise<void> =>
  new Promise((resolve) => {
    if (stream.writableLength === 0) resolve();
    else stream.write('', () => resolve());
  });

/** Resolves when what was written has gone out, however slowly its reader reads. */
export const allWritten = async (): Promise<void> => {
  await Promise.all([...opened].map(written));
};
