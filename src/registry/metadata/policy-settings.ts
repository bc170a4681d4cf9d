import { byteSize } from '#settings';
import * as z from 'zod';
import { isPattern } from './repository-pattern.ts';

const pattern = () =>
  z.string().refine(isPattern, 'write a pattern such as team/** (any depth), team/* (one component) or v*');

const oneOrMore = () => z.union([pattern(), z.array(pattern()).min(1)]).transform((value) => [value].flat());

/** Section `tags`: which tags never move. Becomes `PolicyRules.writeOnce`. */
export const tagsSettings = z.strictObject({
  writeOnce: z
    .array(
      z.strictObject({
        repositories: pattern()
          .default('**')
          .describe('Pattern of repositories.')
          .meta({ example: 'team/**' }),
        tags: oneOrMore().describe('Patterns of tags that never move.').meta({ example: 'v*' }),
        except: oneOrMore()
          .optional()
          .describe('Patterns of tags that may move nevertheless.')
          .meta({ example: '*-dev' }),
        deletion: z
          .enum(['refused', 'allowed'])
          .default('refused')
          .describe('Whether clients may delete such a tag.'),
      }),
    )
    .default([])
    .describe('Tags that are written once: pushing another image under them is refused with status 409.'),
});

/** Section `quotas`. Becomes `PolicyRules.quotas`. */
export const quotaSettings = z.array(
  z.strictObject({
    repositories: pattern().describe('Pattern of repositories.').meta({ example: 'team-a/**' }),
    bytes: byteSize()
      .describe('Bytes of distinct blobs and manifests that they may hold.')
      .meta({ example: '50GiB' }),
    each: z
      .enum(['rule', 'namespace', 'repository'])
      .default('rule')
      .describe('For all of them together, or for each namespace or repository by itself.'),
  }),
);
