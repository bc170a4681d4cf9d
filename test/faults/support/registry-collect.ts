import type { RegistrySite } from './registry-site.ts';
import { RefusedError } from './wire.ts';

/** Collects, and lets go of what was collected before; rejects when it does not answer, or not well. */
export const collectGarbage = async ({ local }: RegistrySite): Promise<void> => {
  for (const [path, body] of [
    ['gc/runs', '{}'],
    ['gc/purge', '{"all":true}'],
  ] as const) {
    const answer = await local.must({
      method: 'POST',
      path: `/lade/v1/registry/${path}`,
      body: Buffer.from(body),
      type: 'application/json',
    });
    const last = answer.body.toString().trim().split('\n').at(-1) ?? '';
    if (!('result' in (JSON.parse(last) as object)))
      throw new RefusedError({ path }, { ...answer, status: 500 });
  }
};
