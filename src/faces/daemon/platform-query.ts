import type { Context } from 'hono';
import { apiErrors } from '#api';
import { formatPlatform } from '#oci';

/** One platform: `os/arch`, or the JSON of an OCI platform as clients from API 1.48 send it. */
const platformOf = (text: string): string => {
  if (!text.startsWith('{')) return text;
  try {
    const { os, architecture, variant } = JSON.parse(text) as Record<string, unknown>;
    if (typeof os !== 'string' || typeof architecture !== 'string') throw new TypeError('no platform');
    return formatPlatform({ os, architecture, ...(typeof variant === 'string' ? { variant } : {}) });
  } catch {
    throw apiErrors.parameterInvalid({
      name: 'platform',
      value: text,
      expected: 'OS/ARCHITECTURE[/VARIANT] or an OCI platform as JSON',
    });
  }
};

/** The platforms of a call, however they were written; undefined when it names none. */
export const platformsOf = (c: Context, parameter = 'platform'): readonly string[] | undefined => {
  const given = (c.req.queries(parameter) ?? []).filter((text) => text !== '');
  return given.length === 0 ? undefined : given.map(platformOf);
};
