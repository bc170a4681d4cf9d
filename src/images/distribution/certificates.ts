import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errnoOf } from '#sys';
import { distributionErrors } from './errors.ts';
import type { CertificateFiles } from './hosts-file.ts';

/** Certificates and keys in PEM; `key` belongs to the `cert` of the same index. */
export interface Certificates {
  readonly ca: readonly Buffer[];
  readonly cert: readonly Buffer[];
  readonly key: readonly Buffer[];
}

const read = async (path: string): Promise<Buffer> => {
  try {
    return await readFile(path);
  } catch (error) {
    throw distributionErrors.certificateUnreadable({ path, problem: String(error) }, error);
  }
};

const readAll = async ({ ca, cert, key }: CertificateFiles): Promise<Certificates> => ({
  ca: await Promise.all(ca.map(read)),
  cert: cert === undefined ? [] : [await read(cert)],
  key: key === undefined ? [] : [await read(key)],
});

const namesIn = async (folder: string): Promise<readonly string[]> => {
  try {
    return (await readdir(folder)).toSorted();
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(errnoOf(error) ?? '')) return [];
    throw distributionErrors.certificateUnreadable({ path: folder, problem: String(error) }, error);
  }
};

/** Docker's rule for one folder: every `.crt` is an authority, `NAME.cert` and `NAME.key` are a client's pair. */
const readFolder = async (folder: string): Promise<Certificates> => {
  const names = await namesIn(folder);
  const with_ = (suffix: string): readonly string[] => names.filter((name) => name.endsWith(suffix));
  const partner = (name: string, from: string, to: string): string => name.slice(0, -from.length) + to;
  for (const name of with_('.cert'))
    if (!names.includes(partner(name, '.cert', '.key')))
      throw distributionErrors.certificateAlone({
        path: join(folder, name),
        missing: partner(name, '.cert', '.key'),
      });
  for (const name of with_('.key'))
    if (!names.includes(partner(name, '.key', '.cert')))
      throw distributionErrors.certificateAlone({
        path: join(folder, name),
        missing: partner(name, '.key', '.cert'),
      });
  const all = (found: readonly string[]) => Promise.all(found.map((name) => read(join(folder, name))));
  return {
    ca: await all(with_('.crt')),
    cert: await all(with_('.cert')),
    key: await all(with_('.cert').map((name) => partner(name, '.cert', '.key'))),
  };
};

/** No host reaches out of the certificate folders. */
const isFolderName = (host: string): boolean => /^[\w.[\]:-]+$/.test(host) && !/^\.+$/.test(host);

/** Everything that is configured for the names of one host: named files first, then folders in their order. */
export const readCertificates = async (
  files: CertificateFiles,
  folders: readonly string[],
  hosts: readonly string[],
): Promise<Certificates> => {
  const places = folders.flatMap((folder) => hosts.filter(isFolderName).map((host) => join(folder, host)));
  const all = [await readAll(files), ...(await Promise.all(places.map(readFolder)))];
  return {
    ca: all.flatMap(({ ca }) => ca),
    cert: all.flatMap(({ cert }) => cert),
    key: all.flatMap(({ key }) => key),
  };
};
