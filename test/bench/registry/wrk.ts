import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { mustRun } from '../../support/process.ts';
import { cpuMs } from './process-state.ts';
import type { BenchedRegistry } from './peers.ts';

export interface Load {
  /** One path, or several that are asked for by turns. */
  readonly paths: readonly string[];
  readonly connections: number;
  readonly seconds: number;
}

export interface Rate {
  readonly perSecond: number;
  readonly megabytesPerSecond: number;
  /** CPU of the registry for each request. */
  readonly cpuMs: number;
}

const MULTIPLES: Readonly<Record<string, number>> = { KB: 1 / 1024, MB: 1, GB: 1024 };

/** docker-registry has no OCI manifests for clients that do not name them. */
const ACCEPT = 'application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json';

const script = (paths: readonly string[], authorization: string | undefined): string => {
  const credentials =
    authorization === undefined ? '' : `wrk.headers["Authorization"] = "${authorization}"\n`;
  const header = `wrk.headers["Accept"] = "${ACCEPT}"\n${credentials}`;
  const list = paths.map((path) => JSON.stringify(path)).join(', ');
  return `${header}local requests = {}
local at = 0
init = function()
  for index, path in ipairs({ ${list} }) do requests[index] = wrk.format("GET", path) end
end
request = function()
  at = at % #requests + 1
  return requests[at]
end
`;
};

/** What wrk makes of it; an answer that is not 2xx is an error. */
export const runWrk = async (registry: BenchedRegistry, folder: string, load: Load): Promise<Rate> => {
  const file = join(folder, 'wrk.lua');
  writeFileSync(file, script(load.paths, registry.authorization));
  const before = cpuMs(registry.pid);
  const args = ['-t1', `-c${load.connections}`, `-d${load.seconds}s`, '--timeout', '30s', '-s', file];
  const { stdout } = await mustRun('wrk', [...args, `http://${registry.host}`]);
  const cpu = cpuMs(registry.pid) - before;
  if (/Non-2xx|Socket errors/.test(stdout)) throw new Error(`${registry.name}: ${stdout}`);
  const [, requests] = /(\d+) requests in/.exec(stdout) ?? [];
  const [, perSecond] = /Requests\/sec:\s+([\d.]+)/.exec(stdout) ?? [];
  const [, transfer, unit = 'MB'] = /Transfer\/sec:\s+([\d.]+)(\w+)/.exec(stdout) ?? [];
  return {
    perSecond: Number(perSecond),
    megabytesPerSecond: Number(transfer) * (MULTIPLES[unit] ?? Number.NaN) * 1.048_576,
    cpuMs: cpu / Number(requests),
  };
};
