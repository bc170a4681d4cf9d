/**
 * The part of the OCI runtime specification (config.json, version 1.0.2) that Lade writes.
 *
 * Names are those of the specification, so that a value of these types is the file's content.
 */

export interface RuntimeUser {
  readonly uid: number;
  readonly gid: number;
  readonly additionalGids?: readonly number[] | undefined;
}

export interface RuntimeRlimit {
  readonly type: string;
  readonly soft: number;
  readonly hard: number;
}

export interface RuntimeCapabilities {
  readonly bounding: readonly string[];
  readonly effective: readonly string[];
  readonly permitted: readonly string[];
  readonly inheritable?: readonly string[] | undefined;
  readonly ambient?: readonly string[] | undefined;
}

/** `process` of config.json, and the content of `runc exec --process`. */
export interface RuntimeProcess {
  readonly terminal: boolean;
  readonly consoleSize?: { readonly height: number; readonly width: number } | undefined;
  readonly user: RuntimeUser;
  readonly args: readonly string[];
  readonly env: readonly string[];
  readonly cwd: string;
  readonly capabilities: RuntimeCapabilities;
  readonly rlimits?: readonly RuntimeRlimit[] | undefined;
  readonly noNewPrivileges: boolean;
  readonly oomScoreAdj?: number | undefined;
}

export interface RuntimeMount {
  readonly destination: string;
  readonly type: string;
  readonly source: string;
  readonly options: readonly string[];
}

export interface RuntimeNamespace {
  readonly type: 'pid' | 'network' | 'ipc' | 'uts' | 'mount' | 'cgroup';
  readonly path?: string | undefined;
}

export interface RuntimeDevice {
  readonly path: string;
  readonly type: 'c' | 'b' | 'p';
  readonly major: number;
  readonly minor: number;
  readonly fileMode?: number | undefined;
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
}

export interface RuntimeDeviceRule {
  readonly allow: boolean;
  readonly type?: 'a' | 'b' | 'c' | undefined;
  readonly major?: number | undefined;
  readonly minor?: number | undefined;
  readonly access: string;
}

export interface RuntimeResources {
  readonly devices: readonly RuntimeDeviceRule[];
  readonly memory?:
    | {
        readonly limit?: number | undefined;
        readonly reservation?: number | undefined;
        readonly swap?: number | undefined;
        readonly disableOOMKiller?: boolean | undefined;
      }
    | undefined;
  readonly cpu?:
    | {
        readonly shares?: number | undefined;
        readonly quota?: number | undefined;
        readonly period?: number | undefined;
        readonly cpus?: string | undefined;
        readonly mems?: string | undefined;
      }
    | undefined;
  readonly pids?: { readonly limit: number } | undefined;
}

export interface SeccompArg {
  readonly index: number;
  readonly value: number;
  readonly valueTwo?: number | undefined;
  readonly op: string;
}

export interface SeccompRule {
  readonly names: readonly string[];
  readonly action: string;
  readonly errnoRet?: number | undefined;
  readonly args?: readonly SeccompArg[] | undefined;
}

/** `linux.seccomp` of config.json. */
export interface RuntimeSeccomp {
  readonly defaultAction: string;
  readonly defaultErrnoRet?: number | undefined;
  readonly architectures?: readonly string[] | undefined;
  readonly flags?: readonly string[] | undefined;
  readonly syscalls: readonly SeccompRule[];
}

export interface RuntimeLinux {
  readonly namespaces: readonly RuntimeNamespace[];
  readonly cgroupsPath: string;
  readonly resources: RuntimeResources;
  readonly devices?: readonly RuntimeDevice[] | undefined;
  readonly seccomp?: RuntimeSeccomp | undefined;
  readonly maskedPaths?: readonly string[] | undefined;
  readonly readonlyPaths?: readonly string[] | undefined;
  readonly rootfsPropagation?: string | undefined;
  readonly sysctl?: Readonly<Record<string, string>> | undefined;
}

/** config.json of an OCI bundle. */
export interface RuntimeSpec {
  readonly ociVersion: string;
  readonly process: RuntimeProcess;
  readonly root: { readonly path: string; readonly readonly: boolean };
  readonly hostname?: string | undefined;
  readonly domainname?: string | undefined;
  readonly mounts: readonly RuntimeMount[];
  readonly annotations?: Readonly<Record<string, string>> | undefined;
  readonly linux: RuntimeLinux;
}
