import type { Command } from './command.ts';

type Load = () => Promise<{ readonly command: Command }>;

/** A verb: its line in help, and its file, which is loaded only when the verb runs. */
export interface Verb {
  readonly summary: string;
  readonly load: Load;
  readonly hidden?: boolean;
}

/** `lade network …`. */
export interface Group {
  readonly summary: string;
  readonly verbs: Readonly<Record<string, Verb | Group>>;
  /** What the group's name alone means, with flags or without; its help unless given. */
  readonly otherwise?: Verb;
  readonly hidden?: boolean;
}

/** An entry of the table; `load` is called when the verb runs. */
export const verb = (summary: string, load: Load): Verb => ({ summary, load });
/** Another name of a verb, not shown in help. */
export const hidden = (entry: Verb): Verb => ({ ...entry, hidden: true });

/** A program of its own: `main.ts` starts it before the table is looked at; the entry is for help. */
export const service = (summary: string): Verb => verb(summary, () => import('./verbs/service-help.ts'));
