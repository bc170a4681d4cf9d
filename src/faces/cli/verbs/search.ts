import { flagTable } from '#console';
import { defineCommand } from '../command.ts';
import { cliErrors } from '../errors.ts';

export const command = defineCommand({
  name: 'search',
  operands: '[OPTIONS] TERM',
  summary: 'Search Docker Hub for images',
  flags: flagTable({
    filter: { kind: 'list', short: 'f', help: 'Filter output based on conditions provided' },
    format: { kind: 'string', help: 'Pretty-print search using a Go template' },
    limit: { kind: 'int', help: 'Max number of search results' },
    'no-trunc': { kind: 'bool', help: "Don't truncate output" },
  }),
  args: [1, 1],
  run(_cli, { args: [term = ''] }) {
    throw cliErrors.notSupported({
      feature: 'search',
      instead: `look at https://hub.docker.com/search?q=${encodeURIComponent(term)}`,
    });
  },
});
