export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

/** Puts a terminal into raw mode until disposed; anything else is left alone. */
export const rawMode = (stdin: NodeJS.ReadStream): Disposable => {
  if (!stdin.isTTY) return { [Symbol.dispose]: () => undefined };
  const before = stdin.isRaw;
  stdin.setRawMode(true);
  return { [Symbol.dispose]: () => void stdin.setRawMode(before) };
};

/** The size of a terminal, or undefined for anything else. */
export const terminalSize = (stdout: NodeJS.WriteStream): TerminalSize | undefined =>
  stdout.isTTY ? { columns: stdout.columns, rows: stdout.rows } : undefined;

/** Calls back on each change of size until disposed. */
export const onResize = (stdout: NodeJS.WriteStream, changed: (size: TerminalSize) => void): Disposable => {
  const listener = (): void => {
    const size = terminalSize(stdout);
    if (size !== undefined) changed(size);
  };
  stdout.on('resize', listener);
  return { [Symbol.dispose]: () => void stdout.off('resize', listener) };
};
