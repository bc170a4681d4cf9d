export type {
  RuntimeCapabilities,
  RuntimeDevice,
  RuntimeDeviceRule,
  RuntimeLinux,
  RuntimeMount,
  RuntimeNamespace,
  RuntimeProcess,
  RuntimeResources,
  RuntimeRlimit,
  RuntimeSeccomp,
  RuntimeSpec,
  RuntimeUser,
} from './spec-types.ts';
export type {
  ContainerUser,
  CreateOptions,
  DeviceInput,
  ExecOptions,
  ExecSession,
  ExitStatus,
  HostFacts,
  LogOptions,
  LogRecord,
  MountInput,
  NetworkInput,
  OutputChunk,
  OutputStream,
  ProcessInput,
  ResourcesInput,
  RlimitInput,
  RunOptions,
  Runtime,
  RuntimeState,
  RuntimeStats,
  SeccompInput,
  SeccompProfile,
  Session,
  SpecInput,
  TerminalSize,
} from './types.ts';
export { createRuntime, type RuntimeOptions } from './runtime.ts';
export {
  DEFAULT_MASKED_PATHS,
  DEFAULT_READONLY_PATHS,
  toRuntimeProcess,
  toRuntimeSpec,
} from './to-runtime-spec.ts';
export { resolveUser } from './users.ts';
export { readHostFacts } from './host-facts.ts';
export { readLogs } from './logs.ts';
export { runtimeErrors } from './errors.ts';
export { rlimitWarnings } from './rlimits.ts';
export { defaultSeccompProfile } from './seccomp-default.ts';
export { formatTimeNs, parseTimeNs } from './log-line.ts';
