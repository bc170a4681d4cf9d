import * as z from 'zod';

/** What the settings' schema says of one key: a piece of its JSON schema, for input. */
export interface Outline {
  readonly type?: string | readonly string[] | undefined;
  readonly properties?: Readonly<Record<string, Outline>> | undefined;
  readonly additionalProperties?: boolean | Outline | undefined;
  readonly items?: Outline | undefined;
  readonly anyOf?: readonly Outline[] | undefined;
  readonly enum?: readonly unknown[] | undefined;
  readonly const?: unknown;
  readonly default?: unknown;
  readonly required?: readonly string[] | undefined;
  readonly description?: string | undefined;
  /** Set by the makers of values: `duration`, `size`, `secret`, `address`. */
  readonly kind?: string | undefined;
  /** Shown in the example where there is no default. */
  readonly example?: unknown;
}

/** The outline of a schema of settings. */
export const outlineOf = (schema: z.ZodType): Outline =>
  z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any', reused: 'inline' }) as Outline;

/** The alternatives that a value may have, itself included. */
export const alternatives = (outline: Outline): readonly Outline[] => [
  outline,
  ...(outline.anyOf ?? []).flatMap(alternatives),
];

const named = (outline: Outline, name: string): Outline | undefined => {
  const own = outline.properties?.[name];
  if (own !== undefined) return own;
  const { additionalProperties } = outline;
  if (typeof additionalProperties === 'object' && outline.properties === undefined)
    return additionalProperties;
  return /^\d+$/.test(name) ? outline.items : undefined;
};

/** What is known of the key `name` below an outline. */
export const childOf = (outline: Outline, name: string): Outline | undefined => {
  for (const alternative of alternatives(outline)) {
    const child = named(alternative, name);
    if (child !== undefined) return child;
  }
  return undefined;
};

/** Names of the keys below an outline. */
export const keysOf = (outline: Outline): readonly string[] => [
  ...new Set(alternatives(outline).flatMap(({ properties }) => Object.keys(properties ?? {}))),
];

/** Whether a value may be of this type. */
export const allows = (outline: Outline, type: string): boolean =>
  alternatives(outline).some(
    (one) => one.type === type || (Array.isArray(one.type) && one.type.includes(type)),
  );
