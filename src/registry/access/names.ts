import { accessErrors } from './errors.ts';

/** Before the name of every robot. `+` and not `$`, because shells and compose files would replace what follows a `$`. */
export const ROBOT_PREFIX = 'robot+';

const NAME = /^[a-zA-Z0-9][a-zA-Z0-9._@-]{0,127}$/;
const TOKEN_NAME = /^[a-zA-Z0-9][a-zA-Z0-9._ @/-]{0,99}$/;
const GROUP = /^[^\u0000-\u001f\u007f-\u009f\u2028\u2029]{1,200}$/; // eslint-disable-line no-control-regex

/** Means that the password is a token of another service. */
export const WORKLOAD_NAME = 'oidc';

/** Names with a meaning of their own, which no person may have. */
const RESERVED: ReadonlySet<string> = new Set(['anonymous', 'everyone', 'local', WORKLOAD_NAME]);

/** Whether it can be a person's name. */
export const isUserName = (name: string): boolean => NAME.test(name) && !RESERVED.has(name);

/** A person's name. @throws ACCESS_NAME_INVALID */
export const requireUserName = (name: string): string => {
  if (!isUserName(name)) throw accessErrors.nameInvalid({ name: name.slice(0, 128) });
  return name;
};

/** The whole name of a robot, with or without its prefix given. @throws ACCESS_NAME_INVALID */
export const requireRobotName = (name: string): string => {
  const bare = name.startsWith(ROBOT_PREFIX) ? name.slice(ROBOT_PREFIX.length) : name;
  if (!NAME.test(bare)) throw accessErrors.nameInvalid({ name: name.slice(0, 128) });
  return `${ROBOT_PREFIX}${bare}`;
};

/** @throws ACCESS_NAME_INVALID */
export const requireTokenName = (name: string): string => {
  if (!TOKEN_NAME.test(name)) throw accessErrors.nameInvalid({ name: name.slice(0, 128) });
  return name;
};

/** @throws ACCESS_NAME_INVALID */
export const requireGroupName = (name: string): string => {
  if (!GROUP.test(name)) throw accessErrors.nameInvalid({ name: name.slice(0, 128) });
  return name;
};
