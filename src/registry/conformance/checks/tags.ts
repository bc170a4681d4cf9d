import { imageIn, pushed } from '../content.ts';
import { defineChecks } from '../define.ts';
import { demand, demandStatus, headerOf, unsupported } from '../expectations.ts';
import type { Check, Probe, ProbeAnswer } from '../types.ts';
import { demandNext, sameSet } from './listings.ts';

const NAMES = ['latest', 'v1', 'V2', '1.0', '1.10', '1.9', '_under', 'Zeta', 'alpha', 'beta', 'v1-rc.1'];

const tagged = (registry: Probe) =>
  registry.once('tags', async () => {
    const repository = registry.repository();
    const document = await imageIn(registry, repository);
    for (const tag of NAMES) await pushed(registry, repository, { document, reference: tag });
    return { repository, path: `/v2/${repository}/tags/list` };
  });

const tagsOf = (answer: ProbeAnswer): readonly string[] => {
  demandStatus(answer, 200);
  const { tags } = (answer.json ?? {}) as { readonly tags?: readonly string[] | null };
  demand(tags === null || Array.isArray(tags), `${answer.asked}: there is no list of tags`);
  return tags ?? [];
};

const compare = (one: string, two: string): number => (one < two ? -1 : Number(one > two));

const isInOrder = (tags: readonly string[], key: (tag: string) => string): boolean =>
  tags.every((tag, index) => index === 0 || compare(key(tags[index - 1] ?? ''), key(tag)) <= 0);

/** Case-insensitive in 1.1.1; the order of ASCII is allowed as well after it. */
const demandOrder = (tags: readonly string[]): void =>
  demand(
    isInOrder(tags, (tag) => tag.toLowerCase()) || isInOrder(tags, (tag) => tag),
    `the order is ${tags.join(' ')}`,
  );

const listingTags = defineChecks('Listing Tags', [
  [
    'MUST',
    'the list is 200, JSON, and has the name and every tag',
    async (registry) => {
      const { repository, path } = await tagged(registry);
      const answer = await registry.call('GET', path);
      const tags = tagsOf(answer);
      demand((answer.json as { name?: unknown }).name === repository, 'name is not that of the repository');
      demand(sameSet(tags, NAMES), `tags are ${tags.join(' ')}`);
    },
  ],
  [
    'MUST',
    'tags are in order',
    async (registry) => demandOrder(tagsOf(await registry.call('GET', (await tagged(registry)).path))),
  ],
  [
    'MUST',
    'the list of a repository without tags is empty',
    async (registry) => {
      const repository = registry.repository();
      await pushed(registry, repository, { document: await imageIn(registry, repository) });
      const answer = await registry.call('GET', `/v2/${repository}/tags/list`);
      if (answer.status === 404) return unsupported('lists of repositories without tags');
      return demand(tagsOf(answer).length === 0, 'there are tags');
    },
  ],
  [
    'MUST',
    'n asks for that many, or for fewer with a Link',
    async (registry) => {
      const { path } = await tagged(registry);
      const all = tagsOf(await registry.call('GET', path));
      const answer = await registry.call('GET', `${path}?n=4`);
      const tags = tagsOf(answer);
      demand(tags.length === 4 || headerOf(answer, 'link') !== undefined, `there are ${tags.length} tags`);
      demand(
        tags.length <= 4 && tags.every((tag, index) => tag === all[index]),
        `tags are ${tags.join(' ')}`,
      );
    },
  ],
  [
    'MUST',
    'n larger than the list brings the list',
    async (registry) => {
      const { path } = await tagged(registry);
      demand(sameSet(tagsOf(await registry.call('GET', `${path}?n=1000`)), NAMES), 'tags are missing');
    },
  ],
  [
    'MUST',
    'n=0 is an empty list without a Link',
    async (registry) => {
      const answer = await registry.call('GET', `${(await tagged(registry)).path}?n=0`);
      demand(tagsOf(answer).length === 0, 'there are tags');
      demand(headerOf(answer, 'link') === undefined, 'there is a Link');
    },
  ],
  [
    'MUST',
    'Link, where there is one, has rel="next" and leads through every tag once',
    async (registry) => {
      const { path } = await tagged(registry);
      const seen: string[] = [];
      let next = `${path}?n=3`;
      while (next !== '' && seen.length <= NAMES.length) {
        const answer = await registry.call('GET', next);
        seen.push(...tagsOf(answer));
        next = headerOf(answer, 'link') === undefined ? '' : demandNext(answer, next);
      }
      if (seen.length === 3) return unsupported('Link in lists of tags');
      return demand(sameSet(seen, NAMES), `the pages have ${seen.join(' ')}`);
    },
  ],
  [
    'MUST',
    'last begins after that tag, with and without n',
    async (registry) => {
      const { path } = await tagged(registry);
      const all = tagsOf(await registry.call('GET', path));
      const last = all[4] ?? '';
      const rest = all.slice(5);
      const without = tagsOf(await registry.call('GET', `${path}?last=${last}`));
      demand(without.join() === rest.join(), `after ${last} there is ${without.join(' ')}`);
      const two = tagsOf(await registry.call('GET', `${path}?n=2&last=${last}`));
      demand(
        two.join() === rest.slice(0, two.length).join() && two.length <= 2,
        `after ${last} there is ${two.join(' ')}`,
      );
    },
  ],
  [
    'MUST',
    'last is a tag, also one that is not there any more, and never a number of tags',
    async (registry) => {
      const { path } = await tagged(registry);
      const all = tagsOf(await registry.call('GET', path));
      const last = `${all[2] ?? ''}.`;
      const found = tagsOf(await registry.call('GET', `${path}?last=${last}`));
      demand(
        found.every((tag) => all.includes(tag)) && !found.includes(all[0] ?? ''),
        `after ${last} there is ${found.join(' ')}`,
      );
    },
  ],
]);

/** Spec: Content Discovery, tags. */
export const tagChecks: readonly Check[] = listingTags;
