import { closeSync, constants, fstatSync, readFileSync } from 'node:fs';
import { errnoOf, openInRoot } from '#sys';
import { runtimeErrors } from './errors.ts';
import type { ContainerUser } from './types.ts';

interface PasswdEntry {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

interface GroupEntry {
  readonly name: string;
  readonly gid: number;
  readonly members: readonly string[];
}

const MAX_ID = 2 ** 31 - 1;

const fieldsOf = (text: string): readonly (readonly string[])[] =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.split(':'));

const idOf = (text: string | undefined): number | undefined => {
  if (text === undefined || !/^\d+$/.test(text)) return undefined;
  const value = Number(text);
  return value <= MAX_ID ? value : undefined;
};

export const parsePasswd = (text: string): readonly PasswdEntry[] =>
  fieldsOf(text).flatMap(([name = '', , uid, gid, , home = '']) => {
    const entry = { name, uid: idOf(uid), gid: idOf(gid), home };
    return entry.uid === undefined || entry.gid === undefined
      ? []
      : [{ ...entry, uid: entry.uid, gid: entry.gid }];
  });

export const parseGroup = (text: string): readonly GroupEntry[] =>
  fieldsOf(text).flatMap(([name = '', , gid, members = '']) => {
    const number = idOf(gid);
    return number === undefined ? [] : [{ name, gid: number, members: members.split(',').filter(Boolean) }];
  });

const groupIdOf = (groups: readonly GroupEntry[], wanted: string): number => {
  const number = idOf(wanted);
  const found = groups.find((group) => (number === undefined ? group.name === wanted : group.gid === number));
  const gid = found?.gid ?? number;
  if (gid === undefined) throw runtimeErrors.groupNotFound({ group: wanted });
  return gid;
};

const findUser = (users: readonly PasswdEntry[], wanted: string): PasswdEntry => {
  const number = idOf(wanted);
  const found = users.find((user) => (number === undefined ? user.name === wanted : user.uid === number));
  if (found !== undefined) return found;
  if (number === undefined) throw runtimeErrors.userNotFound({ user: wanted });
  return { name: '', uid: number, gid: 0, home: '/' };
};

export interface AccountFiles {
  readonly passwd: string;
  readonly group: string;
}

/**
 * The user `USER[:GROUP]` (names or numbers; empty is 0) by an image's account files, as Docker finds it: without a
 * group, every group that lists the user is supplementary; the primary group is always among them.
 */
export const findContainerUser = (
  files: AccountFiles,
  wanted: string,
  groupAdd: readonly string[] = [],
): ContainerUser => {
  const groups = parseGroup(files.group);
  const [userPart = '', groupPart = ''] = wanted.split(':');
  const user = findUser(parsePasswd(files.passwd), userPart === '' ? '0' : userPart);
  const gid = groupPart === '' ? user.gid : groupIdOf(groups, groupPart);
  const memberOf =
    groupPart === '' && user.name !== '' ? groups.filter(({ members }) => members.includes(user.name)) : [];
  const additionalGids = [
    gid,
    ...memberOf.map((group) => group.gid),
    ...groupAdd.map((name) => groupIdOf(groups, name)),
  ];
  return { uid: user.uid, gid, additionalGids: [...new Set(additionalGids)], home: user.home || '/' };
};

/** An account file of an image may be anything; what is no file of sensible size counts as empty. */
const MAX_ACCOUNT_FILE_BYTES = 16 * 1024 * 1024;

const readInRoot = (rootfs: string, path: string): string => {
  try {
    const fd = openInRoot(rootfs, path, { flags: constants.O_RDONLY | constants.O_NONBLOCK });
    try {
      const stat = fstatSync(fd);
      return stat.isFile() && stat.size <= MAX_ACCOUNT_FILE_BYTES ? readFileSync(fd, 'utf8') : '';
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ELOOP', 'EISDIR'].includes(errnoOf(error) ?? '')) return '';
    throw error;
  }
};

/** `findContainerUser` on a mounted root file system; symbolic links in it can't lead out of it. */
export const resolveUser = (
  rootfs: string,
  wanted: string | undefined,
  groupAdd: readonly string[] = [],
): ContainerUser =>
  findContainerUser(
    { passwd: readInRoot(rootfs, '/etc/passwd'), group: readInRoot(rootfs, '/etc/group') },
    wanted ?? '',
    groupAdd,
  );
