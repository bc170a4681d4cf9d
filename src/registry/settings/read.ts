import { readFile } from 'node:fs/promises';
import type * as z from 'zod';
import type { SettingsDocument } from './document.ts';
import { settingsErrors } from './errors.ts';
import type { Override } from './layers.ts';
import { outlineOf } from './outline.ts';

/** Variables with settings begin with this. */
export const SETTINGS_PREFIX = 'LADE_REGISTRY_';

/** Where settings come from; later ones win: file, environment, flags. */
export interface SettingsSources {
  /** Path of the YAML file. */
  readonly file?: string | undefined;
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  readonly flags?: readonly Override[] | undefined;
}

export interface ReadSettings<T> {
  readonly settings: T;
  /** The same as it was written, defaults left out. */
  readonly written: unknown;
  /** Variables with the prefix that set nothing. */
  readonly unknownVariables: readonly string[];
}

const readDocument = async (file: string): Promise<SettingsDocument> => {
  const { parseSettingsDocument } = await import('./document.ts');
  try {
    const bytes = await readFile(file);
    return parseSettingsDocument(file, bytes.toString('utf8'));
  } catch (error) {
    if (settingsErrors.invalid.is(error)) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw settingsErrors.unreadable({ path: file, reason }, error);
  }
};

/**
 * Reads and checks settings.
 *
 * @throws SETTINGS_INVALID with every mistake and its place; SETTINGS_UNREADABLE
 */
export const readSettings = async <S extends z.ZodType>(
  schema: S,
  { file, env = {}, flags = [] }: SettingsSources,
): Promise<ReadSettings<z.output<S>>> => {
  const outline = outlineOf(schema);
  const document = file === undefined ? undefined : await readDocument(file);
  const { environmentOverrides, withoutEmpty, withValue } = await import('./layers.ts');
  const { overrides: fromEnvironment, unknown } = environmentOverrides(outline, SETTINGS_PREFIX, env);
  const overrides = [...fromEnvironment, ...flags];
  const written = overrides.reduce<unknown>(
    (tree, { path, value }) => withValue(tree, path, value),
    withoutEmpty(document?.value) ?? {},
  );
  const result = await schema.safeParseAsync(written);
  if (result.success) return { settings: result.data, written, unknownVariables: unknown };
  const { problemsOf } = await import('./problems.ts');
  throw settingsErrors.invalid({
    problems: problemsOf(result.error.issues, written, { outline, document, overrides }),
  });
};
