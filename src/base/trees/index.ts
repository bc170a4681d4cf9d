export { extractItems, extractTar, type ExtractOptions } from './extract-tar.ts';
export { openDirectory, type OpenDirectory } from './open-directory.ts';
export { namesIn, openEntry, removeEntry } from './remove-entry.ts';
export { treeEntries } from './tree-entries.ts';
export { treesErrors } from './errors.ts';
