import type { Emit } from '#events';
import type { KeyedLock } from '#store';
import type { Downloads } from './downloads.ts';
import type { Lookup } from './lookup.ts';
import type { ImageAction, ImageEvent, Library, LibraryDependencies } from './types.ts';

/** What all use-cases of one library share. */
export interface Context extends LibraryDependencies {
  readonly emit: Emit<ImageEvent>;
  readonly isRunning: (containerId: string) => boolean;
  readonly lookup: Lookup;
  readonly downloads: Downloads;
  /** Compresses a layer once at a time. */
  readonly compressions: KeyedLock;
  /** Deletes content that nothing names. */
  readonly collect: Library['collect'];
}

/** Tells of an image event with the name it happened under. */
export const announce = (context: Context, action: ImageAction, id: string, name?: string): void =>
  context.emit({ kind: 'image', action, id, attributes: name === undefined ? {} : { name } });
