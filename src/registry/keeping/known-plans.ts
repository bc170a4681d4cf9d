import { createHash, hash } from 'node:crypto';
import type { RemovalUnit } from '#metadata';
import type { Digest } from '#oci';

const KEPT = 4;
const KEY = 20;
const ID = 16;

/** Names one thing that goes, in a few bytes. */
const keyOf = (...parts: readonly string[]): string => hash('sha1', parts.join(' '), 'hex').slice(0, KEY);

export const tagKey = (repository: string, tag: string, digest: Digest): string =>
  keyOf('tag', repository, tag, digest);
export const manifestKey = (repository: string, digest: Digest): string =>
  keyOf('manifest', repository, digest);
export const linkKey = (repository: string, digest: Digest): string => keyOf('blob', repository, digest);

export const unitKeys = ({ repository, tags, manifests }: RemovalUnit): readonly string[] => [
  ...tags.map(({ name, digest }) => tagKey(repository, name, digest)),
  ...manifests.map(({ digest }) => manifestKey(repository, digest)),
];

/** Collects what a plan lists. */
export interface PlanKeys {
  add(key: string): void;
  /** The same keys in the same order give the same id. */
  finish(): { readonly id: string; readonly keys: ReadonlySet<string> };
}

export const collectKeys = (): PlanKeys => {
  const keys = new Set<string>();
  const digest = createHash('sha256');
  return {
    add: (key) => {
      keys.add(key);
      digest.update(key);
    },
    finish: () => ({ id: digest.digest('hex').slice(0, ID), keys }),
  };
};

/** The last plans that were shown. */
export interface KnownPlans {
  remember(id: string, keys: ReadonlySet<string>): void;
  find(id: string): ReadonlySet<string> | undefined;
}

export const createKnownPlans = (): KnownPlans => {
  const plans = new Map<string, ReadonlySet<string>>();
  return {
    remember: (id, keys) => {
      plans.delete(id);
      plans.set(id, keys);
      const [oldest] = plans.keys();
      if (plans.size > KEPT && oldest !== undefined) plans.delete(oldest);
    },
    find: (id) => plans.get(id),
  };
};
