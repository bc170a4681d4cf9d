import { existsSync } from 'node:fs';
import { readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { hashFile } from '#work';
import type { DiffId } from '#oci';
import { syncPath, syncStaging, withStaging, type Core } from './adopt.ts';
import { formName } from './backend.ts';
import { layerErrors } from './errors.ts';
import type { Stacks } from './stacks.ts';
import { unpackInto } from './unpack-layer.ts';
import type { LayerSource, UnpackOptions } from './types.ts';

/** What the forms of a layer were found to be; forms that were never needed are absent and no fault. */
export type FormsState = 'whole' | 'damaged' | 'missing';

/**
 * Makes the form of a layer again, beside the one that is there, and compares the two byte by byte. Only for EROFS
 * indexes of layers that mean the same above everything: others are made for each stack and are not looked at.
 */
export const verifyForms = async (core: Core, diffId: DiffId): Promise<FormsState> => {
  const record = core.records.layers.get(diffId);
  if (record === undefined || record.dependent || core.backend !== 'erofs') return 'whole';
  const path = join(core.files.layer(diffId), formName(core.backend));
  if (!existsSync(path)) return 'missing';
  return await withStaging(core, async (staging) => {
    const target = join(staging, formName(core.backend));
    await core.jobs.makeForm({ backend: core.backend, tarPath: core.files.tar(diffId), target });
    const [made, found] = await Promise.all([hashFile(target), hashFile(path)]);
    return made === found ? 'whole' : 'damaged';
  });
};

/** Deletes all forms of a layer, which are made again from the tar when they are needed, and the usual one at once. */
export const remakeForms = async (core: Core, stacks: Stacks, diffId: DiffId): Promise<void> => {
  const directory = core.files.layer(diffId);
  await stacks.release(diffId);
  for (const name of await readdir(directory))
    if (name !== 'layer.tar') await rm(join(directory, name), { recursive: true, force: true });
  if (core.records.layers.get(diffId)?.dependent !== true) await stacks.prepare([diffId]);
};

/**
 * Puts a layer that is unpacked again in the place of one whose files are damaged or gone. What has the old one mounted
 * keeps it until it ends.
 */
export const replaceLayer = async (
  core: Core,
  stacks: Stacks,
  { diffId, source, into }: { readonly diffId: DiffId; readonly source: LayerSource; readonly into: string },
): Promise<void> => {
  if (!core.records.layers.has(diffId)) throw layerErrors.layerNotFound({ diffId });
  const options: UnpackOptions = { expected: diffId };
  await withStaging(core, async (staging) => {
    await unpackInto(core, source, { staging, options });
    await syncStaging(core, staging);
    const place = core.files.layer(diffId);
    core.busy.add(place);
    try {
      await stacks.release(diffId);
      if (existsSync(place)) await rename(place, into);
      await rename(staging, place);
      await syncPath(core.files.layers);
    } finally {
      core.busy.delete(place);
    }
  });
};
