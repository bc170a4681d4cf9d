import { flagTable } from '#console';
import { NO_LIMIT, defineCommand } from '../command.ts';
import { cliErrors } from '../errors.ts';
import {
  IMAGE_KIND,
  NETWORK_KIND,
  VOLUME_KIND,
  containerKind,
  inspectObjects,
  type ObjectKind,
} from '../inspect-objects.ts';

const chooseKinds = (type: string | undefined, size: boolean): readonly ObjectKind[] => {
  const kinds = [containerKind(size), IMAGE_KIND, NETWORK_KIND, VOLUME_KIND];
  if (type === undefined || type === '') return kinds;
  const chosen = kinds.filter((kind) => kind.name === type);
  if (chosen.length === 0)
    throw cliErrors.argumentInvalid({
      problem: `"${type}" is not a valid value for --type`,
      advice: `choose one of ${kinds.map((kind) => kind.name).join(', ')}`,
    });
  return chosen;
};

export const command = defineCommand({
  name: 'inspect',
  operands: '[OPTIONS] NAME|ID [NAME|ID...]',
  summary: 'Return low-level information on containers, images, volumes and networks',
  flags: flagTable({
    format: { kind: 'string', short: 'f', help: "Format output: 'json' or a Go template" },
    size: { kind: 'bool', short: 's', help: 'Display total file sizes if the type is container' },
    type: { kind: 'string', help: 'Only inspect objects of the given type' },
  }),
  args: [1, NO_LIMIT],
  async run(cli, { flags, args }) {
    const kinds = chooseKinds(flags.type, flags.size);
    return await inspectObjects(cli, args, { kinds, format: flags.format });
  },
});
