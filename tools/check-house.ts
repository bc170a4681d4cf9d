/**
 * Checks that every import in src/ goes down or to the left in the order of house.json, passes only through a
 * room's door, and uses only the packages its room is allowed.
 */
import { globSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join, relative, sep } from 'node:path';
import { parseArgs } from 'node:util';

interface Room {
  readonly name: string;
  readonly floor: string;
  readonly path: string;
  readonly order: number;
  readonly external: ReadonlySet<string>;
  /** Files that may load what is computed: another program of this package. */
  readonly loaders: ReadonlySet<string>;
}

interface House {
  readonly floors: readonly {
    readonly name: string;
    readonly rooms: readonly {
      readonly name: string;
      readonly external: readonly string[];
      readonly loaders?: readonly string[];
    }[];
  }[];
}

/** What may stand between a keyword and its text. */
const GAP = String.raw`(?:\s|/\*[\s\S]*?\*/)*`;
/** `from 'x'`, `import 'x'`, `import('x')`, `import.meta.resolve('x')` and `createRequire(import.meta.url)('x')`. */
const IMPORT = new RegExp(
  [
    String.raw`(?<![.\w$'"\x60])(?:from|import)${GAP}(['"])([^'"\s]+)\1`,
    String.raw`(?<![.\w$])(?:import${GAP}\(|import\.meta\.resolve\(|createRequire\(import\.meta\.url\)\()${GAP}(['"])([^'"]+)\3`,
  ].join('|'),
  'g',
);
/** Loading whose target is not written down: nobody could say where it leads. */
const COMPUTED = new RegExp(
  [
    // A method of that name (`import(request: R)`) loads nothing.
    String.raw`(?<![.\w$])import${GAP}\((?!${GAP}['"]|\w+\??:)`,
    String.raw`import\.meta\.resolve\((?!['"])`,
    String.raw`(?<![.\w$])(?:module\.)?require\(`,
    String.raw`createRequire\((?!import\.meta\.url\)\(['"])`,
  ].join('|'),
);

const readRooms = (project: string): Room[] => {
  const house = JSON.parse(readFileSync(join(project, 'house.json'), 'utf8')) as House;
  return house.floors
    .flatMap((floor) => floor.rooms.map((room) => ({ floor: floor.name, ...room })))
    .map((room, order) => ({
      ...room,
      order,
      path: join('src', room.floor, room.name),
      external: new Set(room.external),
      loaders: new Set(room.loaders?.map((file) => join('src', room.floor, room.name, file))),
    }));
};

/**
 * Drops lines that are the inside of a comment and nothing else. What only looks like a comment stays: an import in a
 * text or a comment is reported wrongly, which somebody notices; one that is overlooked nobody does.
 */
const withoutComments = (text: string): string =>
  text
    .split('\n')
    .filter((line) => !/^\s*\/\//.test(line) && (!/^\s*\*(?!\/)/.test(line) || line.includes('*/')))
    .join('\n');

const importsOf = (text: string): string[] =>
  [...text.matchAll(IMPORT)].map((match) => match[2] ?? match[4] ?? '');

const packageOf = (specifier: string): string =>
  specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');

const isTest = (file: string): boolean => /\.test\.ts$|(^|\/)testing(\.ts$|\/)/.test(file);

/** What is wrong with one import of `file` in `room`, if anything. */
const faultOf = (file: string, specifier: string, room: Room, rooms: readonly Room[]): string | undefined => {
  if (specifier.startsWith('.')) {
    const target = join(dirname(file), specifier);
    if (!target.startsWith(room.path + sep)) return `leaves its room by a relative path: ${specifier}`;
    return isTest(target) ? `uses what is for tests only: ${specifier}` : undefined;
  }
  if (specifier.startsWith('#')) {
    const target = rooms.find((other) => `#${other.name}` === specifier);
    if (target === undefined) return `no room behind ${specifier}`;
    if (target.order >= room.order)
      return `${room.name} may not import ${target.name}: upward or to the right`;
    return undefined;
  }
  if (specifier.startsWith('node:')) return undefined;
  if (builtinModules.includes(specifier)) return `write node:${specifier}`;
  return room.external.has(packageOf(specifier))
    ? undefined
    : `${room.name} may not use the package ${packageOf(specifier)}`;
};

const fileFaults = (project: string, file: string, rooms: readonly Room[]): string[] => {
  const room = rooms.find((candidate) => file.startsWith(candidate.path + sep));
  if (room === undefined) return ['in no room of house.json'];
  const text = withoutComments(readFileSync(join(project, file), 'utf8'));
  const faults = importsOf(text).map((specifier) => faultOf(file, specifier, room, rooms));
  if (!room.loaders.has(file) && COMPUTED.test(text)) faults.push('loads what is not written down');
  if (file === join(room.path, 'index.ts') && /^export\s*\*/m.test(text))
    faults.push('a door names what it exports');
  return faults.filter((fault) => fault !== undefined);
};

/** Each `#room` of package.json leads to that room's door, and nothing else begins with `#`. */
const doorFaults = (project: string, rooms: readonly Room[]): string[] => {
  const { imports = {} } = JSON.parse(readFileSync(join(project, 'package.json'), 'utf8')) as {
    readonly imports?: Readonly<Record<string, string>>;
  };
  const doors = new Map(rooms.map((room) => [`#${room.name}`, `./${room.path}/index.ts`]));
  return Object.entries(imports)
    .filter(([name, path]) => doors.get(name) !== path)
    .map(([name, path]) => `package.json: ${name} leads to ${path}, which is no room's door`);
};

/** All faults under `project`, one line each. Tests may import what they need. */
export const checkHouse = (project: string): string[] => {
  const rooms = readRooms(project);
  const files = globSync('src/**/*.{ts,tsx,mts,cts,js,mjs,cjs}', { cwd: project }).filter(
    (file) => !isTest(file),
  );
  if (files.length === 0) return ['no source file found: the check would pass on anything'];
  const faults = files.flatMap((file) =>
    fileFaults(project, file, rooms).map((fault) => `${file}: ${fault}`),
  );
  return [...doorFaults(project, rooms), ...faults];
};

if (import.meta.main) {
  const { values } = parseArgs({
    options: { project: { type: 'string', default: join(import.meta.dirname, '..') } },
  });
  const faults = checkHouse(values.project);
  for (const fault of faults) console.error(fault);
  console.log(`house: ${faults.length} faults (${relative(process.cwd(), values.project) || '.'})`);
  process.exitCode = faults.length === 0 ? 0 : 1;
}
