import { usageText } from '#console';
import type { Command } from './command.ts';

/** The help text of a command. Loaded on demand: most runs show none. */
export const helpOf = (command: Command, width: number | undefined): string =>
  usageText({
    line: `lade ${command.name}${command.operands === '' ? '' : ` ${command.operands}`}`,
    summary: command.summary,
    aliases: command.aliases?.map((alias) => `lade ${alias}`),
    flags: command.flags,
    width,
  });
