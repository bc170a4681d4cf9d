import { defineCommand, NO_LIMIT } from '../command.ts';

/** `daemon` and `registry serve` become another program before a verb is looked up; flags before them end up here. */
export const command = defineCommand({
  name: 'daemon',
  operands: '[OPTIONS]',
  summary: 'Serve the Docker Engine API, or with `registry serve` a registry, in the foreground',
  flags: {},
  args: [0, NO_LIMIT],
  run(cli) {
    cli.note("lade: write 'lade daemon' or 'lade registry serve' without options before it");
    return Promise.resolve(1);
  },
});
