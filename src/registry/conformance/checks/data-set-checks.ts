import { descriptorOf } from '../content.ts';
import { defineChecks, type CheckSource } from '../define.ts';
import { demand, demandBytes, demandHeader, demandStatus, unsupported } from '../expectations.ts';
import type { Check, Probe, ProbeAnswer } from '../types.ts';
import { dataSets, type DataSet, type Member } from './data-sets.ts';

interface Pushed {
  readonly repository: string;
  readonly members: readonly Member[];
}

const pushOne = async (
  registry: Probe,
  repository: string,
  { document, tag }: Member,
): Promise<ProbeAnswer> => {
  const byDigest = await registry.manifest({ repository, ...document, reference: document.digest });
  if (tag === undefined || byDigest.status !== 201) return byDigest;
  return registry.manifest({ repository, ...document, reference: tag });
};

/** Pushed once for all checks of a set. */
const pushSet = (registry: Probe, { name, required, make }: DataSet): Promise<Pushed> =>
  registry.once(`set ${name}`, async () => {
    const repository = registry.repository();
    const members = await make(registry, repository);
    for (const member of members) {
      const answer = await pushOne(registry, repository, member);
      if (!required && [400, 404].includes(answer.status)) unsupported(name);
      demandStatus(answer, 201);
    }
    return { repository, members };
  });

const referencesOf = ({ document, tag }: Member): readonly string[] =>
  tag === undefined ? [document.digest] : [document.digest, tag];

const tagsOf = ({ members }: Pushed): readonly string[] => members.flatMap(({ tag }) => tag ?? []);

const listed = async (registry: Probe, { repository }: Pushed): Promise<readonly string[]> => {
  const answer = await registry.call('GET', `/v2/${repository}/tags/list`);
  demandStatus(answer, 200, 404);
  return (answer.json as { readonly tags?: readonly string[] | null }).tags ?? [];
};

interface SubjectOf {
  readonly subject?: { readonly digest: string };
  readonly artifactType?: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

const checkReferrers = async (registry: Probe, { repository, members }: Pushed): Promise<void> => {
  for (const { document } of members) {
    const { subject, artifactType, annotations } = JSON.parse(document.body) as SubjectOf;
    if (subject === undefined) continue;
    const answer = await registry.call('GET', `/v2/${repository}/referrers/${subject.digest}`);
    demandStatus(answer, 200);
    const { manifests } = answer.json as { readonly manifests: readonly Record<string, unknown>[] };
    const found = manifests.find(({ digest }) => digest === document.digest);
    const wanted = {
      ...descriptorOf(document.type, document.body),
      artifactType,
      ...(annotations === undefined ? {} : { annotations }),
    };
    for (const [name, value] of Object.entries(wanted))
      demand(
        JSON.stringify(found?.[name]) === JSON.stringify(value),
        `${name} of the referrer is ${JSON.stringify(found?.[name])}`,
      );
  }
};

const demandGone = async (registry: Probe, path: string): Promise<void> => {
  const deleted = await registry.call('DELETE', path);
  if (deleted.status === 400 || deleted.status === 405) return unsupported('deleting');
  demandStatus(deleted, 202, 404);
  return demandStatus(await registry.call('GET', path), 404);
};

/** Tags first, then manifests from the last pushed to the first. */
const deleteAll = async (registry: Probe, set: Pushed): Promise<void> => {
  const base = `/v2/${set.repository}/manifests`;
  const missed: unknown[] = [];
  for (const tag of tagsOf(set))
    await demandGone(registry, `${base}/${tag}`).catch((error: unknown) => missed.push(error));
  for (const { document } of set.members.toReversed())
    await demandGone(registry, `${base}/${document.digest}`);
  if (missed.length > 0) throw missed[0];
};

const readAll = async (
  registry: Probe,
  method: 'GET' | 'HEAD',
  { repository, members }: Pushed,
): Promise<void> => {
  for (const member of members) {
    const { document } = member;
    for (const reference of referencesOf(member)) {
      const answer = await registry.call(method, `/v2/${repository}/manifests/${reference}`);
      demandStatus(answer, 200);
      demandHeader(answer, 'content-type', document.type);
      demandHeader(answer, 'content-length', String(Buffer.byteLength(document.body)));
      if (method === 'GET') demandBytes(answer, document.body);
    }
  }
};

const checksOf = (set: DataSet): readonly Check[] => {
  const level = set.required ? 'MUST' : 'MAY';
  const over =
    (look: (registry: Probe, pushed: Pushed) => Promise<void>) =>
    async (registry: Probe): Promise<void> =>
      look(registry, await pushSet(registry, set));
  const sources: readonly CheckSource[] = [
    [level, `${set.name}: is pushed`, over(async () => undefined)],
    [
      level,
      `${set.name}: its tags are listed`,
      over(async (registry, pushed) => {
        const found = await listed(registry, pushed);
        demand(
          tagsOf(pushed).every((tag) => found.includes(tag)),
          `tags are ${found.join(' ')}`,
        );
      }),
    ],
    [
      level,
      `${set.name}: HEAD of every manifest`,
      over((registry, pushed) => readAll(registry, 'HEAD', pushed)),
    ],
    [
      level,
      `${set.name}: GET of every manifest`,
      over((registry, pushed) => readAll(registry, 'GET', pushed)),
    ],
    [level, `${set.name}: referrers`, over(checkReferrers)],
    [level, `${set.name}: is deleted, and gone at once`, over(deleteAll)],
  ];
  return defineChecks('Pushing Manifests', sources, set.name);
};

/** Every kind of content, from its push to its deletion. */
export const dataSetChecks: readonly Check[] = dataSets.flatMap(checksOf);
