import { displayWidth } from './display-width.ts';

/** A terminal in memory: what stands on its screen after everything that was written. */
export interface Terminal {
  columns: number;
  rows: number;
  readonly write: (text: string) => void;
  /** The screen's lines without blanks at their ends, down to the last that has something. */
  readonly lines: () => readonly string[];
  /** Lines that left at the top. */
  readonly scrolled: () => number;
  /** Whether any line went on in the next one. */
  readonly wrapped: () => boolean;
  readonly cursorVisible: () => boolean;
  readonly writes: () => number;
  /** Lines that have become too wide are wrapped anew. */
  readonly resize: (columns: number, rows: number) => void;
}

interface Grid {
  columns: number;
  rows: number;
  /** Each cell has a character; what is behind a wide one has none. */
  cells: string[][];
  at: { row: number; column: number };
  scrolled: number;
  wrapped: boolean;
  cursor: boolean;
}

const lineFeed = (grid: Grid): void => {
  grid.at.row += 1;
  while (grid.at.row >= grid.rows) {
    grid.cells.shift();
    grid.at.row -= 1;
    grid.scrolled += 1;
  }
};

const rowAt = (grid: Grid, row: number): string[] => {
  while (grid.cells.length <= row) grid.cells.push([]);
  return grid.cells[row] ?? [];
};

const put = (grid: Grid, character: string): void => {
  const width = displayWidth(character);
  const row = rowAt(grid, grid.at.row);
  if (width === 0) {
    row[grid.at.column - 1] = `${row[grid.at.column - 1] ?? ''}${character}`;
    return;
  }
  if (grid.at.column + width > grid.columns) {
    grid.wrapped = true;
    grid.at.column = 0;
    lineFeed(grid);
  }
  const target = rowAt(grid, grid.at.row);
  while (target.length < grid.at.column) target.push(' ');
  target[grid.at.column] = character;
  if (width === 2) target[grid.at.column + 1] = '';
  grid.at.column += width;
};

const command = (grid: Grid, parameters: string, letter: string): void => {
  const count = Number(parameters || '1');
  if (letter === 'A') grid.at.row = Math.max(0, grid.at.row - count);
  else if (letter === 'B') grid.at.row = Math.min(grid.rows - 1, grid.at.row + count);
  else if (letter === 'K' && parameters === '2') rowAt(grid, grid.at.row).length = 0;
  else if (letter === 'K') rowAt(grid, grid.at.row).splice(grid.at.column);
  else if (letter === 'J') {
    rowAt(grid, grid.at.row).splice(grid.at.column);
    grid.cells.splice(grid.at.row + 1);
  } else if (parameters === '?25') grid.cursor = letter === 'h';
  else if (letter !== 'm') throw new Error(`the terminal does not know ESC[${parameters}${letter}`);
};

const type = (grid: Grid, text: string): void => {
  for (const character of text) {
    if (character === '\r') grid.at.column = 0;
    else if (character === '\n') {
      grid.at.column = 0;
      lineFeed(grid);
    } else put(grid, character);
  }
};

const interpret = (grid: Grid, text: string): void => {
  const [plain = '', ...commands] = text.split('\u001B[');
  type(grid, plain);
  for (const piece of commands) {
    const [head = '', parameters = '', letter = ''] = /^([?\d;]*)([A-Za-z])/.exec(piece) ?? [];
    command(grid, parameters, letter);
    type(grid, piece.slice(head.length));
  }
};

/** Wraps the lines anew, as terminals do; the cursor stays behind the last one. */
const reflow = (grid: Grid, columns: number, rows: number): void => {
  const texts = grid.cells.slice(0, grid.at.row).map((row) => row.join('').trimEnd());
  Object.assign(grid, { columns, rows, cells: [], at: { row: 0, column: 0 } });
  const { wrapped } = grid;
  for (const text of texts) interpret(grid, `${text}\n`);
  grid.wrapped = wrapped;
};

/** A terminal that knows what progress is drawn with. */
export const createTerminal = (columns: number, rows: number): Terminal => {
  const grid: Grid = {
    columns,
    rows,
    cells: [],
    at: { row: 0, column: 0 },
    scrolled: 0,
    wrapped: false,
    cursor: true,
  };
  let writes = 0;
  return {
    get columns() {
      return grid.columns;
    },
    get rows() {
      return grid.rows;
    },
    write: (text) => {
      writes += 1;
      interpret(grid, text);
    },
    lines: () => {
      const lines = grid.cells.map((row) => row.join('').trimEnd());
      return lines.slice(0, lines.findLastIndex((line) => line !== '') + 1);
    },
    scrolled: () => grid.scrolled,
    wrapped: () => grid.wrapped,
    cursorVisible: () => grid.cursor,
    writes: () => writes,
    resize: (width, height) => reflow(grid, width, height),
  };
};
