export { mount, umount, umountAsync, bindMount, mountFileSystem } from './mount.ts';
export { lgetXattr, llistXattr, lremoveXattr, lsetXattr } from './xattr.ts';
export { futimesNs, lutimesNs, mknod } from './inode.ts';
export { fileLock } from './file-lock.ts';
export { copyFileRange } from './copy-range.ts';
export { makeDirectories } from './make-directories.ts';
export { removeTree } from './remove-tree.ts';
export { openInRoot } from './open-in-root.ts';
export { mountInfo } from './mount-info.ts';
export { STAT_WORDS, statWords } from './stat-words.ts';
export { statfs } from './statfs.ts';
export { syncFileSystem, syncFileSystemHere } from './sync-file-system.ts';
export { releaseProgramPages } from './program-pages.ts';
export { peerClosed } from './peer.ts';
export { sendFile } from './send-file.ts';
export {
  acknowledgeWake,
  closeDescriptor,
  createPoller,
  createWakeDescriptor,
  duplicateDescriptor,
  wake,
} from './poller.ts';
export { receiveFd } from './receive-fd.ts';
export { connectSeqpacket } from './seqpacket.ts';
export { openPipe, reapProcess, socketPair, spawnProcess, type ChildRequest } from './spawn.ts';
export { setWinsize } from './terminal.ts';
export { createNetns, inNetns, isNetns, removeNetns } from './netns.ts';
export { openNetnsSocket, type NetnsSocket } from './netns-socket.ts';
export { deleteLink, openRtnetlink, type Rtnetlink } from './rtnetlink.ts';
export type { Link, LinkChange, NewBridge, NewLink, NewVeth } from './rtnetlink-link.ts';
export type { InterfaceAddress, Route } from './rtnetlink-address.ts';
export { errnoOf, sysErrors } from './errors.ts';
export {
  MS,
  type BindOptions,
  type FileLock,
  type FileSystemMount,
  type FileSystemStatus,
  type MountParameter,
  type OpenInRootOptions,
  type UnmountOptions,
} from './types.ts';
