import { readFileSync, readlinkSync } from 'node:fs';

/** This boot and this view of the file system: a client with the same one sees the files that the daemon sees. */
export const machineId = (): string =>
  `${readFileSync('/proc/sys/kernel/random/boot_id').toString().trim()} ${readlinkSync('/proc/self/ns/mnt')}`;
