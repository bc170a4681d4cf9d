export { createUpstreams, type RefreshedTag, type Upstreams } from './pull-through.ts';
export { upstreamsSettings } from './settings.ts';
export { mirror } from './mirror.ts';
export { importFolder } from './import.ts';
export { backUp } from './backup.ts';
export { blobPath as backupBlobPath, checkBackup, syncFolder } from './backup-folder.ts';
export { upstreamErrors } from './errors.ts';
export type { BackupEvent, BackupOptions, BackupRecord } from './backup-types.ts';
export type {
  ImportRequest,
  MirrorRequest,
  TransferEvent,
  TransferOptions,
  TransferTotals,
} from './transfer-types.ts';
export type { UpstreamActivity, UpstreamCounters, UpstreamSettings, UpstreamStatus } from './types.ts';
