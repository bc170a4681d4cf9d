import { runtimeErrors } from './errors.ts';
import type { RuntimeRlimit } from './spec-types.ts';
import type { HostFacts, RlimitInput } from './types.ts';

/** RLIM_INFINITY as the nearest double; `encodeSpec` writes it exactly. */
export const UNLIMITED = 2 ** 64;

const NAMES = new Set(
  'core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack'.split(
    ' ',
  ),
);

const valueOf = (value: number): number => (value < 0 ? UNLIMITED : value);

const clamped = (input: RlimitInput, host: HostFacts): RlimitInput => {
  if (!NAMES.has(input.name)) throw runtimeErrors.unknownUlimit({ name: input.name });
  const hard = valueOf(input.hard);
  const most = host.capabilities.includes('CAP_SYS_RESOURCE')
    ? UNLIMITED
    : (host.hardLimits[input.name] ?? UNLIMITED);
  return { name: input.name, soft: Math.min(valueOf(input.soft), hard, most), hard: Math.min(hard, most) };
};

/** `process.rlimits`; a limit above this process's own hard limit is lowered to it (it may not raise limits). */
export const rlimitsOf = (inputs: readonly RlimitInput[], host: HostFacts): readonly RuntimeRlimit[] =>
  inputs.map((input) => {
    const { name, soft, hard } = clamped(input, host);
    return { type: `RLIMIT_${name.toUpperCase()}`, soft, hard };
  });

/** One sentence for each limit that `rlimitsOf` lowers. */
export const rlimitWarnings = (inputs: readonly RlimitInput[], host: HostFacts): readonly string[] =>
  inputs.flatMap((input) => {
    const { hard } = clamped(input, host);
    return hard < valueOf(input.hard)
      ? [`ulimit ${input.name}=${input.hard} is above this machine's hard limit; ${hard} is used`]
      : [];
  });
