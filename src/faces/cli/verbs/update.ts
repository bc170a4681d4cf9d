import { flagTable } from '#console';
import { NO_LIMIT, defineCommand } from '../command.ts';
import { forEachName } from '../each.ts';
import { containerPath } from '../paths.ts';
import { parseRestart } from '../restart-policy.ts';

export const command = defineCommand({
  name: 'update',
  operands: '[OPTIONS] CONTAINER [CONTAINER...]',
  summary: 'Update configuration of one or more containers',
  aliases: ['container update', 'update'],
  flags: flagTable({
    'blkio-weight': { kind: 'int', help: 'Block IO (relative weight), between 10 and 1000' },
    'cpu-period': { kind: 'int', help: 'Limit CPU CFS (Completely Fair Scheduler) period' },
    'cpu-quota': { kind: 'int', help: 'Limit CPU CFS (Completely Fair Scheduler) quota' },
    'cpu-shares': { kind: 'int', short: 'c', help: 'CPU shares (relative weight)' },
    cpus: { kind: 'float', help: 'Number of CPUs' },
    'cpuset-cpus': { kind: 'string', help: 'CPUs in which to allow execution (0-3, 0,1)' },
    'cpuset-mems': { kind: 'string', help: 'MEMs in which to allow execution (0-3, 0,1)' },
    memory: { kind: 'bytes', short: 'm', help: 'Memory limit' },
    'memory-reservation': { kind: 'bytes', help: 'Memory soft limit' },
    'memory-swap': {
      kind: 'bytes',
      orUnlimited: true,
      help: "Swap limit equal to memory plus swap: '-1' for unlimited swap",
    },
    'pids-limit': { kind: 'int', help: 'Tune container pids limit (set -1 for unlimited)' },
    restart: { kind: 'string', help: 'Restart policy to apply when a container exits' },
  }),
  args: [1, NO_LIMIT],
  async run(cli, { flags, args }) {
    const client = await cli.client();
    const body = {
      BlkioWeight: flags['blkio-weight'],
      CpuPeriod: flags['cpu-period'],
      CpuQuota: flags['cpu-quota'],
      CpuShares: flags['cpu-shares'],
      NanoCpus: flags.cpus === undefined ? undefined : Math.round(flags.cpus * 1e9),
      CpusetCpus: flags['cpuset-cpus'],
      CpusetMems: flags['cpuset-mems'],
      Memory: flags.memory,
      MemoryReservation: flags['memory-reservation'],
      MemorySwap: flags['memory-swap'],
      PidsLimit: flags['pids-limit'],
      RestartPolicy: flags.restart === undefined ? undefined : parseRestart(flags.restart),
    };
    return await forEachName(cli, args, (name) =>
      client.json({ method: 'POST', path: containerPath(name, '/update'), body }),
    );
  },
});
