/** Is what a registry has promised there and whole, and nothing else wrong with it? */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { hexOf } from './images.ts';
import type { BegunUpload, RegistryAttempt } from './registry-operations.ts';
import type { RegistrySite } from './registry-site.ts';
import type { Finding } from './verify.ts';
import { digestAt, locationOf } from './wire.ts';

const loss = (text: string): Finding => ({ kind: 'loss', text });
const flaw = (text: string): Finding => ({ kind: 'flaw', text });

/** Asks for a path, and holds the registry to what it said: from now on it must stay so. */
const factFinding = async ({ facts, wire }: RegistrySite, path: string): Promise<readonly Finding[]> => {
  const allowed = facts.at(path);
  if (allowed === undefined) return [];
  try {
    const found = await digestAt(wire, path);
    const right = allowed.has(found);
    facts.done(path, found);
    return right ? [] : [loss(`${path} is ${found ?? 'absent'}, and should be ${[...allowed].join(' or ')}`)];
  } catch (error) {
    return [loss(String(error))];
  }
};

export const factFindings = async (
  site: RegistrySite,
  paths: Iterable<string>,
): Promise<readonly Finding[]> => {
  const found: Finding[] = [];
  for (const path of paths) found.push(...(await factFinding(site, path)));
  return found;
};

const namesIn = (directory: string): readonly string[] =>
  existsSync(directory) ? readdirSync(directory) : [];

/** Blobs on disk that are not what their names say. */
export const fileFindings = (root: string): readonly Finding[] => {
  const blobs = join(root, 'blobs', 'sha256');
  return namesIn(blobs).flatMap((prefix) =>
    namesIn(join(blobs, prefix))
      .filter((name) => hexOf(readFileSync(join(blobs, prefix, name))) !== name)
      .map((name) => loss(`blobs/sha256/${prefix}/${name} has other content`)),
  );
};

/** What SQLite finds wrong with its file, and records of blobs without the file. */
export const databaseFindings = (root: string): readonly Finding[] => {
  const database = new DatabaseSync(join(root, 'registry.db'), { readOnly: true });
  try {
    const all = (sql: string) => database.prepare(sql).all();
    const integrity = all('PRAGMA integrity_check').map((row) => String(row['integrity_check']));
    const dangling = all('PRAGMA foreign_key_check').map((row) => JSON.stringify(row));
    const digests = all('SELECT digest FROM blobs').map((row) => String(row['digest']));
    return [
      ...[...integrity.filter((text) => text !== 'ok'), ...dangling].map((text) => loss(`database: ${text}`)),
      ...digests
        .map((digest) => digest.split(':'))
        .filter(
          ([algorithm = '', hex = '']) => !existsSync(join(root, 'blobs', algorithm, hex.slice(0, 2), hex)),
        )
        .map(([, hex = '']) => loss(`the record of blob ${hex} has no file`)),
    ];
  } finally {
    database.close();
  }
};

/** What the registry itself says of a part of it: `faults` must be an empty list. */
const ownVerdict = async ({ local }: RegistrySite, path: string): Promise<readonly Finding[]> => {
  const { status, body } = await local.call({ path: `/lade/v1/registry/${path}` });
  const { faults } = JSON.parse(body.toString()) as { readonly faults?: readonly unknown[] };
  return status === 200 && faults?.length === 0 ? [] : [loss(`${path}: ${status} ${body.toString()}`)];
};

/** The chain of the tags' history is whole, and the figures of the accounting are those of a recount. */
export const bookFindings = async (site: RegistrySite): Promise<readonly Finding[]> => [
  ...(await ownVerdict(site, 'tag-history/verification')),
  ...(await ownVerdict(site, 'usage/verification')),
];

/** Sends the rest of an upload that was cut off, from where the registry says it is. */
const resume = async ({ wire, facts }: RegistrySite, upload: BegunUpload): Promise<readonly Finding[]> => {
  const { location, content, blob, taken } = upload;
  const status = await wire.call({ path: location });
  if (status.status === 404)
    return upload.end === 'asked' ? [] : [loss(`upload ${location} with ${taken} bytes is gone`)];
  const end = /^0-(\d+)$/.exec(String(status.headers['range']))?.[1];
  if (status.status !== 204 || end === undefined) return [flaw(`GET ${location}: ${status.status}`)];
  const there = content.length === 0 || end === '0' ? 0 : Number(end) + 1;
  if (there < taken) return [loss(`upload ${location} has ${there} bytes of ${taken} acknowledged ones`)];
  const digest = blob.split('/').at(-1) ?? '';
  const rest = content.subarray(there);
  const at = locationOf(await wire.must({ method: 'PATCH', path: location, body: rest }));
  facts.begin(blob, digest);
  const path = `${at}${at.includes('?') ? '&' : '?'}digest=${digest}`;
  await wire.must({ method: 'PUT', path, body: Buffer.alloc(0) });
  facts.done(blob, digest);
  return [];
};

/** Every upload of an attempt that was begun and not ended can be gone on with. */
export const uploadFindings = async (
  site: RegistrySite,
  attempt: RegistryAttempt,
): Promise<readonly Finding[]> => {
  const found: Finding[] = [];
  for (const upload of attempt.uploads.filter(({ end }) => end !== 'answered')) {
    try {
      found.push(...(await resume(site, upload)));
    } catch (error) {
      found.push(flaw(`upload of ${upload.blob} cannot go on: ${String(error)}`));
    }
    upload.end = 'answered';
  }
  return found;
};

/** Everything that has to hold once the registry answers again. */
export const registryFindings = async (
  site: RegistrySite,
  attempt: RegistryAttempt,
): Promise<readonly Finding[]> => [
  ...(await factFindings(site, attempt.paths)),
  ...databaseFindings(site.root),
  ...(await uploadFindings(site, attempt)),
  ...(await factFindings(site, attempt.paths)),
];

/** Looks, runs the attempt again, and looks once more. */
export const retriedFindings = async (
  site: RegistrySite,
  attempt: RegistryAttempt,
): Promise<readonly Finding[]> => {
  const before = await registryFindings(site, attempt);
  try {
    await attempt.run();
  } catch (error) {
    return [...before, flaw(`the retry fails: ${String(error)}\n${site.service.stderr()}`)];
  }
  return [...before, ...(await registryFindings(site, attempt))];
};
