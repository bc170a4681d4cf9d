import type { ExitFiles } from './exit-files.ts';
import { containerPaths, type ContainerPaths, type RuntimePaths } from './paths.ts';
import type { HostFacts, Runtime } from './types.ts';

/** What every operation of one runtime shares. */
export interface RuntimeContext {
  readonly name: Runtime['name'];
  /** Absolute path of the OCI runtime. */
  readonly program: string;
  /** Absolute path of conmon. */
  readonly conmon: string;
  readonly paths: RuntimePaths;
  readonly host: HostFacts;
  readonly exits: ExitFiles;
}

export const pathsOf = (context: RuntimeContext, id: string): ContainerPaths =>
  containerPaths(context.paths, id);
