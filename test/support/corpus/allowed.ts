import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { BUILDER_NAMES, type BuilderName } from './builders.ts';
import { CORPUS } from './case.ts';
import type { Difference } from './compare.ts';

const ruleSchema = z.strictObject({
  /** Named by docs/builder-differences.md. */
  id: z.string(),
  builders: z.array(z.enum(BUILDER_NAMES)).min(1),
  /** Dockerfiles that it is allowed for; any where absent. */
  cases: z.array(z.string()).optional(),
  /** Regular expressions that the whole of each must match. */
  at: z.string(),
  field: z.string(),
  lade: z.string().default('.*'),
  other: z.string().default('.*'),
  reason: z.string(),
});

export type AllowedDifference = z.infer<typeof ruleSchema>;

const whole = (pattern: string, text: string): boolean => new RegExp(`^(?:${pattern})$`, 's').test(text);

/** The list next to the Dockerfiles, and which of it was ever met. */
export const readAllowed = () => {
  const rules = z.array(ruleSchema).parse(JSON.parse(readFileSync(join(CORPUS, 'differences.json'), 'utf8')));
  const met = new Set<AllowedDifference>();
  const allows = (builder: BuilderName, name: string, difference: Difference): boolean => {
    const matching = rules.filter(
      (rule) =>
        rule.builders.includes(builder) &&
        (rule.cases === undefined || rule.cases.includes(name)) &&
        whole(rule.at, difference.at) &&
        whole(rule.field, difference.field) &&
        whole(rule.lade, difference.lade) &&
        whole(rule.other, difference.other),
    );
    for (const rule of matching) met.add(rule);
    return matching.length > 0;
  };
  return { rules, allows, met: (rule: AllowedDifference) => met.has(rule) };
};
