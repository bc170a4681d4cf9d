import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createNetns, errnoOf, isNetns, openRtnetlink, removeNetns } from '#sys';
import { setSysctl } from './sysctl.ts';

/** Index of `lo` in every namespace. */
const LOOPBACK = 1;

export interface Namespaces {
  pathOf(containerId: string): string;
  /** Idempotent. */
  create(containerId: string): string;
  /** Idempotent. */
  remove(containerId: string): void;
  /** The containers that have one. */
  list(): readonly string[];
}

/** Interfaces that come later have no IPv6, which would give them link-local addresses nobody asked for. */
const prepare = (): void => {
  using rtnetlink = openRtnetlink();
  rtnetlink.linkSet(LOOPBACK, { up: true });
  setSysctl('net.ipv6.conf.default.disable_ipv6', '1');
};

/** The network namespaces of containers, each a mount below `directory`. */
export const createNamespaces = (directory: string): Namespaces => {
  const pathOf = (containerId: string): string => join(directory, containerId);
  return {
    pathOf,
    create(containerId) {
      const path = pathOf(containerId);
      try {
        createNetns(path, prepare);
      } catch (error) {
        if (errnoOf(error) !== 'EEXIST') throw error;
        if (isNetns(path)) return path;
        // A plain file: the mount went with an earlier boot.
        rmSync(path);
        createNetns(path, prepare);
      }
      return path;
    },
    remove: (containerId) => removeNetns(pathOf(containerId)),
    list() {
      try {
        return readdirSync(directory);
      } catch {
        return [];
      }
    },
  };
};
