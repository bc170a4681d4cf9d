import { createEngine } from './engine.ts';
import { makeFixtures, publish } from './fixtures.ts';
import { LISTING } from './listing-situations.ts';
import { REMOVALS } from './removal-situations.ts';

/** Everything that engines go through, by name. */
export const SITUATIONS: Readonly<Record<string, readonly string[]>> = {
  ...REMOVALS,
  'a list by every filter': LISTING,
};

export interface PlayOptions {
  readonly socket: string;
  /** host:port of an empty registry. */
  readonly registry: string;
  /** Only situations whose name has these words. */
  readonly only?: string | undefined;
  readonly onPlayed?: ((name: string, lines: readonly string[]) => void) | undefined;
}

/** Lets an engine go through the situations; what it said in each. */
export const playAll = async (options: PlayOptions): Promise<Readonly<Record<string, readonly string[]>>> => {
  const fixtures = await makeFixtures();
  const mid = fixtures.images.get('mid');
  if (mid === undefined) throw new Error('no image to publish');
  const pulled = await publish(mid, options.registry, ['team/app:1', 'team/app:2', 'more/app:1']);
  const engine = createEngine({
    socket: options.socket,
    fixtures,
    registry: options.registry,
    words: new Map([...fixtures.words, [pulled, 'pulled']]),
  });
  const said: Record<string, readonly string[]> = {};
  for (const [name, steps] of Object.entries(SITUATIONS)) {
    if (options.only !== undefined && !name.includes(options.only)) continue;
    const lines = await engine.play(steps);
    said[name] = lines;
    options.onPlayed?.(name, lines);
  }
  await engine.reset();
  return said;
};
