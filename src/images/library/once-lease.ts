import type { Lease } from '#store';

/** The same lease, which writes each protection once however often it is asked for: every write waits for the disk. */
export const protectingOnce = (lease: Lease): Lease => {
  const done = new Map<string, Promise<void>>();
  return {
    id: lease.id,
    label: lease.label,
    protect(kind, key) {
      const name = `${kind} ${key}`;
      const protecting = done.get(name) ?? lease.protect(kind, key);
      done.set(name, protecting);
      return protecting;
    },
    detach: () => lease.detach(),
    [Symbol.asyncDispose]: () => lease[Symbol.asyncDispose](),
  };
};
