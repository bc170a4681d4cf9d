/**
 * Checks that the documentation says what the code does: docs/errors.md lists exactly the codes of the catalogues,
 * docs/registry-settings.md lists exactly the keys of the registry's settings,
 * every room has a README of at most 60 lines, ARCHITECTURE.md names every room, and relative links lead somewhere.
 *
 * `--write` writes both pages anew.
 */
import { existsSync, globSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { definedEntries, type DefinedEntry } from '../src/base/errors/catalogue.ts';
import { settingsPage } from './settings-page.ts';

const project = join(import.meta.dirname, '..');
const errorsPage = join(project, 'docs', 'errors.md');

const HEAD = `# Errors

Every error of Lade has one of thirteen kinds, a stable code, a message, and a hint that says what to do next. The
command line prints message and hint and exits with 1 (125 to 127 for \`lade run\`, as docker does); the Docker API
answers the HTTP status of the kind with \`{"message": …}\`; the registry answers the code of the distribution
specification. Words in ‹angle brackets› stand for what the message names.

This page is written by \`node tools/check-docs.ts --write\` from the catalogues in the rooms' \`errors.ts\`.
`;

const readCatalogues = async (): Promise<ReadonlyMap<string, readonly DefinedEntry[]>> => {
  const files = globSync('src/**/errors.ts', { cwd: project });
  await Promise.all(files.map((file) => import(pathToFileURL(join(project, file)).href)));
  await import('../src/base/errors/index.ts');
  return definedEntries();
};

const placeholders = (): object =>
  new Proxy({}, { get: (_target, name) => (typeof name === 'symbol' ? () => '‹…›' : placeholder(name)) });

/** Whatever a message does to a parameter, the page shows its name. */
const TEXT_METHODS: ReadonlySet<string | symbol> = new Set([
  'toString',
  'toJSON',
  'valueOf',
  'join',
  'trim',
  'trimEnd',
  'slice',
  'replace',
  'replaceAll',
  'toLowerCase',
  'toISOString',
]);

/** A stand-in for a parameter: reads as ‹name› wherever the message puts it. */
const placeholder = (name: string): unknown => {
  const text = `‹${name}›`;
  return new Proxy(() => text, {
    get: (_target, key) => {
      if (key === Symbol.toPrimitive || TEXT_METHODS.has(key)) return () => text;
      if (key === Symbol.iterator) return [text][Symbol.iterator].bind([text]);
      if (key === 'length') return 1;
      if (key === 'map') return () => [text];
      return typeof key === 'symbol' ? undefined : placeholder(`${name}.${key}`);
    },
    apply: () => text,
  });
};

const attempt = (make: () => string): string => {
  try {
    // A message that is a parameter and nothing else gives back the stand-in; concatenation makes text of it.
    return ''.concat(make());
  } catch {
    return '(depends on the case)';
  }
};

const rowOf = ({ code, entry }: DefinedEntry): string => {
  const cell = (text: string): string =>
    text.replaceAll('|', '\\|').replaceAll('<', '&lt;').replaceAll('\n', ' ');
  const message = attempt(() => entry.message(placeholders() as never));
  const { hint } = entry;
  const advice = typeof hint === 'function' ? attempt(() => hint(placeholders() as never)) : (hint ?? '');
  return `| \`${code}\` | ${entry.kind} | ${cell(message)} | ${cell(advice)} |`;
};

const renderErrors = (catalogues: ReadonlyMap<string, readonly DefinedEntry[]>): string => {
  const sections = [...catalogues]
    .toSorted(([a], [b]) => a.localeCompare(b))
    .map(([room, entries]) => {
      const rows = entries.toSorted((a, b) => a.code.localeCompare(b.code)).map(rowOf);
      return `\n## ${room}\n\n| code | kind | message | what to do |\n| --- | --- | --- | --- |\n${rows.join('\n')}\n`;
    });
  return HEAD + sections.join('');
};

const roomFaults = (): string[] => {
  const house = JSON.parse(readFileSync(join(project, 'house.json'), 'utf8')) as {
    floors: { name: string; rooms: { name: string }[] }[];
  };
  const architecture = readFileSync(join(project, 'ARCHITECTURE.md'), 'utf8');
  const faults = architecture.split('\n').length > 300 ? ['ARCHITECTURE.md: over 300 lines'] : [];
  for (const floor of house.floors) {
    for (const room of floor.rooms) {
      const readme = join('src', floor.name, room.name, 'README.md');
      if (!existsSync(join(project, readme))) faults.push(`${readme}: missing`);
      else if (readFileSync(join(project, readme), 'utf8').split('\n').length > 61)
        faults.push(`${readme}: over 60 lines`);
      if (!architecture.includes(`\`${room.name}\``))
        faults.push(`ARCHITECTURE.md: does not name the room ${room.name}`);
    }
  }
  return faults;
};

const linkFaults = (): string[] =>
  globSync('{*.md,docs/**/*.md,src/**/*.md,examples/**/*.md}', { cwd: project }).flatMap((page) => {
    const text = readFileSync(join(project, page), 'utf8');
    return [...text.matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)[^)]*\)/g)]
      .map((match) => match[1] ?? '')
      .filter((target) => !existsSync(join(project, dirname(page), target)))
      .map((target) => `${page}: no such file: ${target}`);
  });

const catalogues = await readCatalogues();
if (catalogues.size < 3) throw new Error('hardly any catalogue was found: the check would pass on anything');
const expected = renderErrors(catalogues);
const settingsFile = join(project, 'docs', 'registry-settings.md');
if (process.argv.includes('--write')) {
  writeFileSync(errorsPage, expected);
  writeFileSync(settingsFile, settingsPage());
}
const faults = [...roomFaults(), ...linkFaults()];
if (!existsSync(errorsPage) || readFileSync(errorsPage, 'utf8') !== expected)
  faults.push('docs/errors.md: not what the catalogues say; run `node tools/check-docs.ts --write`');
if (!existsSync(settingsFile) || readFileSync(settingsFile, 'utf8') !== settingsPage())
  faults.push('docs/registry-settings.md: not what the schemas say; run `node tools/check-docs.ts --write`');
for (const fault of faults) console.error(fault);
console.log(`documentation: ${faults.length} faults`);
process.exitCode = faults.length === 0 ? 0 : 1;
