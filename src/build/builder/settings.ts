import { builderErrors } from './errors.ts';
import type { BuildRequest } from './types.ts';

const TRUE = new Set(['1', 't', 'T', 'TRUE', 'true', 'True']);
const FALSE = new Set(['0', 'f', 'F', 'FALSE', 'false', 'False']);

/**
 * Whether a build argument that is a setting of the builder, such as `BUILDKIT_INLINE_CACHE=1`, is on; its values are
 * Go's.
 *
 * @throws BUILDER_BAD_SETTING
 */
export const isOn = (
  { buildArgs = {} }: Pick<BuildRequest, 'buildArgs'>,
  name: 'BUILDKIT_INLINE_CACHE' | 'BUILDKIT_MULTI_PLATFORM',
): boolean => {
  const value = Object.hasOwn(buildArgs, name) ? buildArgs[name] : undefined;
  if (value === undefined || value === '' || FALSE.has(value)) return false;
  if (TRUE.has(value)) return true;
  throw builderErrors.badSetting({ name, value });
};
