export type * from './types.ts';
export { sourcesErrors } from './errors.ts';
export { type ContextDependencies, type OpenContext, openContext, openTree } from './context.ts';
export { createDigestStore, type DigestStore, createPlainDigests } from './file-digests.ts';
export { parseModeChange } from './file-mode.ts';
export { type FileTree, entryAt, hostPath, createTurns } from './file-tree.ts';
export { xattrsAt, type Xattrs } from './file-xattrs.ts';
export { locate, partsOf } from './resolve-in-root.ts';
export { type Selection, selectFiles, type SelectedEntry, type SelectedSource } from './select-files.ts';
export { bytesText, DEFAULT_LIMITS, type SourceLimits } from './remote-limits.ts';
export { parseRemote, parseRemoteContext, withoutPassword, withoutPasswords } from './remote-reference.ts';
export {
  createRemoteStore,
  openRemoteSources,
  type RemoteRequest,
  type RemoteSources,
  type RemoteStore,
} from './remote-sources.ts';
export { unpackStream } from './unpack-stream.ts';
export { spoolContext } from './spool-context.ts';
