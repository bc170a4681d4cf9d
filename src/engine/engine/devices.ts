import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { DeviceInput } from '#runtime';
import { engineErrors } from './errors.ts';
import type { HostConfig } from './wire-types.ts';

const S_IFMT = 0o170000;
const S_IFCHR = 0o020000;
const S_IFBLK = 0o060000;

const majorOf = (device: number): number => Number((BigInt(device) >> 8n) & 0xfffn);
const minorOf = (device: number): number => (device & 0xff) | ((device >> 12) & 0xfff00);

const readDevice = (path: string, pathInContainer: string, permissions: string): DeviceInput | undefined => {
  const stat = statSync(path, { throwIfNoEntry: false });
  const kind = (stat?.mode ?? 0) & S_IFMT;
  if (stat === undefined || (kind !== S_IFCHR && kind !== S_IFBLK)) return undefined;
  return {
    path,
    pathInContainer,
    permissions,
    type: kind === S_IFCHR ? 'c' : 'b',
    major: majorOf(stat.rdev),
    minor: minorOf(stat.rdev),
    fileMode: stat.mode & 0o777,
  };
};

/** Not handed on: they are made for each container, or are directories of other things. */
const SKIPPED: ReadonlySet<string> = new Set([
  'pts',
  'shm',
  'fd',
  'mqueue',
  'console',
  '.lxc',
  '.lxd-mounts',
  '.udev',
]);

const walk = (directory: string): readonly DeviceInput[] =>
  readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    if (SKIPPED.has(entry.name)) return [];
    const path = join(directory, entry.name);
    if (entry.isDirectory()) return walk(path);
    const device = entry.isSymbolicLink() ? undefined : readDevice(path, path, 'rwm');
    return device === undefined ? [] : [device];
  });

/** The devices of `--device`, or all of this machine for a privileged container. */
export const devicesOf = (host: HostConfig): readonly DeviceInput[] => {
  if (host.Privileged === true) return walk('/dev');
  return (host.Devices ?? []).map((mapping) => {
    const path = mapping.PathOnHost ?? '';
    const inside = mapping.PathInContainer ?? '';
    const permissions = mapping.CgroupPermissions ?? '';
    const device = readDevice(path, inside === '' ? path : inside, permissions === '' ? 'rwm' : permissions);
    if (device !== undefined) return device;
    throw engineErrors.invalidConfig({
      reason: `error gathering device information while adding custom device "${path}": no such device`,
    });
  });
};
