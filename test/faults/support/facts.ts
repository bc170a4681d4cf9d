/** What a registry has promised: for each path, what may be found there. */

/** A digest, or undefined where nothing may be. */
export type State = string | undefined;

export interface Facts {
  /** Somebody asks for a change: until it is answered, what was and what is asked for are both right. */
  begin(path: string, state: State): void;
  /** The change was acknowledged. */
  done(path: string, state: State): void;
  /** What may be found; undefined where nothing was ever asked for. */
  at(path: string): ReadonlySet<State> | undefined;
  paths(): readonly string[];
}

export const createFacts = (): Facts => {
  const facts = new Map<string, Set<State>>();
  return {
    begin: (path, state) => {
      const states = facts.get(path) ?? new Set<State>([undefined]);
      facts.set(path, states.add(state));
    },
    done: (path, state) => void facts.set(path, new Set([state])),
    at: (path) => facts.get(path),
    paths: () => [...facts.keys()],
  };
};
