import { readFileSync } from 'node:fs';
import { cliErrors } from './errors.ts';

export interface UlimitBody {
  readonly Name: string;
  readonly Soft: number;
  readonly Hard: number;
}

const checkUlimit = ({ Soft, Hard }: UlimitBody): void => {
  if (Hard === -1 || (Soft !== -1 && Soft <= Hard)) return;
  const shown = Soft === -1 ? `soft: -1 (unlimited), hard: ${Hard}` : `${Soft} > ${Hard}`;
  throw cliErrors.argumentInvalid({
    problem: `ulimit soft limit must be less than or equal to hard limit: ${shown}`,
    advice: 'write the smaller limit first: name=soft:hard',
  });
};

/** `--ulimit name=soft[:hard]`; -1 is unlimited. */
export const parseUlimit = (spec: string): UlimitBody => {
  const match = /^([a-z]+)=(-1|\d+|unlimited)(?::(-1|\d+|unlimited))?$/.exec(spec);
  if (match === null)
    throw cliErrors.argumentInvalid({
      problem: `invalid ulimit argument: ${spec}`,
      advice: 'write name=soft[:hard], such as nofile=1024:2048',
    });
  const [, name = '', soft = '', hard = soft] = match;
  const number = (text: string): number => (text === 'unlimited' ? -1 : Number(text));
  const ulimit = { Name: name, Soft: number(soft), Hard: number(hard) };
  checkUlimit(ulimit);
  return ulimit;
};

export interface DeviceBody {
  readonly PathOnHost: string;
  readonly PathInContainer: string;
  readonly CgroupPermissions: string;
}

const isPermissions = (text: string): boolean => /^[rwm]{1,3}$/.test(text);

/** `--device host[:container][:rwm]`. */
export const parseDevice = (spec: string): DeviceBody => {
  const [host = '', second, third, ...rest] = spec.split(':');
  const mode = third ?? (second !== undefined && isPermissions(second) ? second : 'rwm');
  if (host === '' || rest.length > 0 || !isPermissions(mode))
    throw cliErrors.argumentInvalid({
      problem: `invalid device specification: ${spec}`,
      advice: 'write HOST_PATH[:CONTAINER_PATH][:rwm]',
    });
  const inside = second === undefined || (third === undefined && isPermissions(second)) ? host : second;
  return { PathOnHost: host, PathInContainer: inside, CgroupPermissions: mode };
};

/** `--security-opt`: the file that `seccomp=FILE` names travels as its contents. */
export const readSecurityOption = (option: string): string => {
  const [key = '', separator, value = ''] = option.split(/([=:])/, 3);
  if (key !== 'seccomp' || separator === undefined || value === 'unconfined' || value === 'builtin')
    return option;
  const path = option.slice('seccomp='.length);
  try {
    return `seccomp=${JSON.stringify(JSON.parse(readFileSync(path, 'utf8')))}`;
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    throw cliErrors.fileUnreadable({ path, problem }, error);
  }
};

/** `--add-host name:ip` or `name=ip`. */
export const parseExtraHost = (spec: string): string => {
  const match = /^([^:=]+)[:=](.+)$/.exec(spec);
  if (match === null)
    throw cliErrors.argumentInvalid({
      problem: `bad format for add-host: "${spec}"`,
      advice: 'write NAME:ADDRESS, such as --add-host db:10.0.0.5',
    });
  return `${match[1] ?? ''}:${(match[2] ?? '').replaceAll(/^\[|\]$/g, '')}`;
};
