import { randomBytes } from 'node:crypto';
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { project } from '../../support/lade.ts';

/** A build context of the benchmark's own. */
export interface BenchContext {
  /** Where it lies now. */
  path(): string;
  /** Moves it to a place nobody has seen and touches it, so that nobody can know anything of it. */
  makeNew(): void;
  /** Changes what is to be changed: one small file, mostly. */
  touch(): void;
}

const createContext = (folder: string, ...touched: readonly string[]): BenchContext => {
  let number = 0;
  let path = join(folder, `context-${number}`);
  mkdirSync(path, { recursive: true });
  const touch = (): void => {
    for (const name of touched) {
      mkdirSync(dirname(join(path, name)), { recursive: true });
      appendFileSync(join(path, name), `\n// ${randomBytes(8).toString('hex')}\n`);
    }
  };
  return {
    path: () => path,
    touch,
    makeNew() {
      const before = path;
      number += 1;
      path = join(folder, `context-${number}`);
      renameSync(before, path);
      touch();
    },
  };
};

const put = (directory: string, name: string, content: string | Buffer): void => {
  const path = join(directory, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
};

const MODULE_FILES = 2_200;
const MODULE_BYTES = 100_000;

/** Files of this project's own packages, in the order of their names. */
const copyModules = (target: string): void => {
  const source = join(project, 'node_modules');
  let left = MODULE_FILES;
  const visit = (below: string): void => {
    const names = readdirSync(join(source, below), { withFileTypes: true });
    for (const entry of names.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
      const name = join(below, entry.name);
      if (left === 0 || entry.name.startsWith('.')) continue;
      if (entry.isDirectory()) visit(name);
      else if (entry.isFile()) {
        cpSync(join(source, name), join(target, name));
        left -= 1;
      }
    }
  };
  // Packages of plain modules: the binaries of others would outweigh them.
  for (const name of ['hono', 'zod', 'fast-check', 'undici', '@types', 'vitest', 'vite'])
    if (existsSync(join(source, name))) visit(name);
  for (let number = 0; left > 0; number += 1, left -= 1)
    put(target, `filler/module-${number}.js`, randomBytes(MODULE_BYTES / 20).toString('hex'));
};

const SHOP = `FROM bench/debian-node
ENV NODE_ENV=production
WORKDIR /app
COPY package.json package-lock.json ./
COPY vendor ./node_modules
RUN test "$(find node_modules -type f | wc -l)" -ge 2000
COPY public ./public
COPY views ./views
COPY src ./src
RUN useradd --system --create-home shop && mkdir -p /app/data && chown shop /app/data
USER shop
EXPOSE 3000
CMD ["node", "src/server.js"]
`;

/** The express shop with its modules in the context instead of from a registry. */
export const shopContext = (folder: string): BenchContext => {
  const context = createContext(folder, 'src/server.js');
  cpSync(join(project, 'examples', 'express-shop'), context.path(), { recursive: true });
  copyModules(join(context.path(), 'vendor'));
  rmSync(join(context.path(), '.dockerignore'), { force: true });
  put(context.path(), 'Dockerfile', SHOP);
  return context;
};

const LARGE_FILES = 20_000;
const LARGE_BYTES = 345_000_000;
const FOLDERS = 200;
/** Beside many small files there are some large ones, as in most repositories. */
const BIG_FILES = 20;
const BIG_BYTES = 8_000_000;

/** 20,000 files, 345 MB; what is touched lies in the middle. */
export const largeContext = (folder: string): BenchContext => {
  const context = createContext(folder, 'tree/folder-100/touched.js');
  const small = Math.floor((LARGE_BYTES - BIG_FILES * BIG_BYTES) / (LARGE_FILES - BIG_FILES));
  for (let number = 0; number < LARGE_FILES; number += 1) {
    const isBig = number % (LARGE_FILES / BIG_FILES) === 0;
    const size = isBig ? BIG_BYTES : Math.floor((small * (1 + (number % 9))) / 5);
    const name = `tree/folder-${number % FOLDERS}/file-${number}.bin`;
    put(context.path(), name, randomBytes(size));
  }
  put(context.path(), 'Dockerfile', 'FROM bench/busybox\nCOPY tree /tree\n');
  context.touch();
  return context;
};

const STAGES = 8;

/** Independent stages that only wait. */
export const stagesContext = (folder: string): BenchContext => {
  const context = createContext(folder, 'stamp');
  const numbers = Array.from({ length: STAGES }, (_, index) => index);
  const stages = numbers.map((n) => `FROM bench/busybox AS stage${n}\nRUN sleep 1 && echo ${n} > /made${n}`);
  const copies = numbers.map((n) => `COPY --from=stage${n} /made${n} /made${n}`);
  const lines = [...stages, 'FROM bench/busybox', ...copies];
  put(context.path(), 'Dockerfile', `${lines.join('\n')}\n`);
  return context;
};

const COPIES = 12;
const INSTRUCTIONS = 60;

/** Sixty instructions, most of them metadata, the others small COPYs. */
export const metadataContext = (folder: string): BenchContext => {
  const names = Array.from({ length: COPIES }, (_, number) => `file${number}`);
  const context = createContext(folder, ...names);
  const lines = ['FROM bench/busybox'];
  for (let number = 0; number < COPIES; number += 1) {
    put(context.path(), `file${number}`, `file ${number}\n`);
    lines.push(`COPY file${number} /files/file${number}`);
    lines.push(`ENV NAME${number}=value${number}`, `LABEL label${number}=value${number}`);
    lines.push(`EXPOSE ${8000 + number}`);
  }
  while (lines.length < INSTRUCTIONS) lines.push(`ENV MORE${lines.length}=value`);
  put(context.path(), 'Dockerfile', `${lines.join('\n')}\n`);
  return context;
};
