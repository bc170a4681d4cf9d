import { humanSize } from './sizes.ts';
import { visible } from './visible.ts';

/** A line of progress as the Docker API sends it for pull, push, load and import. */
export interface TransferLine {
  readonly id?: string | undefined;
  readonly status?: string | undefined;
  readonly stream?: string | undefined;
  readonly progressDetail?:
    | { readonly current?: number | undefined; readonly total?: number | undefined }
    | undefined;
}

export interface Screen {
  readonly write: (text: string) => void;
  /** Lines may be redrawn by moving the cursor; otherwise every line is written once. */
  readonly live: boolean;
  /** Width in characters, asked at each line. */
  readonly columns: () => number;
}

export interface TransferProgress {
  show(line: TransferLine): void;
}

const barOf = (current: number, total: number, columns: number): string => {
  const share = Math.min(50, Math.max(0, Math.trunc((current / total) * 50)));
  const bar = columns > 110 ? `[${'='.repeat(share)}>${' '.repeat(50 - share)}] ` : '';
  const now = humanSize(current).padStart(8);
  return current > total ? bar + now : `${bar}${now}/${humanSize(total)}`;
};

const progressOf = (line: TransferLine, columns: number): string => {
  const { current = 0, total = 0 } = line.progressDetail ?? {};
  if (current <= 0 && total <= 0) return '';
  return total <= 0 ? humanSize(current).padStart(8) : barOf(current, total, columns);
};

const textOf = (line: TransferLine, columns: number): string => {
  const id = line.id === undefined || line.id === '' ? '' : `${visible(line.id)}: `;
  const progress = progressOf(line, columns);
  return `${id}${visible(line.status ?? '')}${progress === '' ? '' : ` ${progress}`}`;
};

/** Each id keeps its line, which is redrawn in place. */
const createLive = (screen: Screen): TransferProgress => {
  const rows = new Map<string, number>();
  return {
    show(line) {
      const columns = screen.columns();
      if (line.stream !== undefined) return screen.write(line.stream);
      if (line.id === undefined || line.id === '' || line.progressDetail === undefined) {
        rows.clear();
        return screen.write(`${textOf(line, columns)}\n`);
      }
      let row = rows.get(line.id);
      if (row === undefined) {
        row = rows.size;
        rows.set(line.id, row);
        screen.write('\n');
      }
      const up = rows.size - row;
      const text = textOf(line, columns).slice(0, Math.max(20, columns - 1));
      return screen.write(`\u001B[${up}A\u001B[2K\r${text}\r\u001B[${up}B`);
    },
  };
};

/** Every change of status is one line; counters are not shown. */
const createPlain = (screen: Screen): TransferProgress => {
  const last = new Map<string, string>();
  return {
    show(line) {
      if (line.stream !== undefined) return screen.write(line.stream);
      if (progressOf(line, 0) !== '') return undefined;
      const text = textOf(line, 0);
      if (line.id !== undefined && last.get(line.id) === text) return undefined;
      if (line.id !== undefined) last.set(line.id, text);
      return screen.write(`${text}\n`);
    },
  };
};

/** Renders the progress of a transfer. */
export const createTransferProgress = (screen: Screen): TransferProgress =>
  screen.live ? createLive(screen) : createPlain(screen);
