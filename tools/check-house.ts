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
}

interface House {
  readonly floors: readonly {
    readonly name: string;
    readonly rooms: readonly { readonly name: string; readonly external: readonly string[] }[];
  }[];
}

const IMPORT =
  /(?:^|[\s;}])(?:import|export)\s+(?:type\s+)?(?:[\w*{}\s,$]+?\s+from\s+)?'([^']+)'|import\(\s*'([^']+)'\s*\)/gm;

const readRooms = (project: string): Room[] => {
  const house = JSON.parse(readFileSync(join(project, 'house.json'), 'utf8')) as House;
  return house.floors
    .flatMap((floor) => floor.rooms.map((room) => ({ floor: floor.name, ...room })))
    .map((room, order) => ({
      ...room,
      order,
      path: join('src', room.floor, room.name),
      external: new Set(room.external),
    }));
};

const withoutComments = (text: string): string =>
  text.replaceAll(/\/\*[\s\S]*?\*\//g, '').replaceAll(/^\s*\/\/.*$/gm, '');

const importsOf = (text: string): string[] =>
  [...withoutComments(text).matchAll(IMPORT)].map((match) => match[1] ?? match[2] ?? '');

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
    return target.startsWith(room.path + sep)
      ? undefined
      : `leaves its room by a relative path: ${specifier}`;
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

/** All faults under `project`, one line each. Tests may import what they need. */
export const checkHouse = (project: string): string[] => {
  const rooms = readRooms(project);
  const files = globSync('src/**/*.ts', { cwd: project }).filter((file) => !isTest(file));
  if (files.length === 0) return ['no source file found: the check would pass on anything'];
  return files.flatMap((file) => {
    const room = rooms.find((candidate) => file.startsWith(candidate.path + sep));
    if (room === undefined) return [`${file}: in no room of house.json`];
    const text = readFileSync(join(project, file), 'utf8');
    return importsOf(text).flatMap((specifier) => {
      const fault = faultOf(file, specifier, room, rooms);
      return fault === undefined ? [] : [`${file}: ${fault}`];
    });
  });
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
