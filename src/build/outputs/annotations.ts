import { outputsErrors } from './errors.ts';

type Annotations = Readonly<Record<string, string>>;

/** What an annotation describes. */
export type AnnotationLevel = 'manifest' | 'index' | 'manifest-descriptor' | 'index-descriptor';

interface Annotation {
  readonly level: AnnotationLevel;
  /** Of one platform only. */
  readonly platform: string | undefined;
  readonly key: string;
  readonly value: string;
}

const LEVEL = /^(manifest-descriptor|index-descriptor|manifest|index)(?:\[([^\]]*)\])?$/u;

/** `manifest,index:key`: one annotation for each level; without levels the manifest is meant. */
const readOne = (text: string, value: string): readonly Annotation[] => {
  const colon = text.indexOf(':');
  const words = colon < 0 ? [] : text.slice(0, colon).split(',');
  const matches = words.map((word) => LEVEL.exec(word));
  if (matches.length === 0 || matches.includes(null))
    return [{ level: 'manifest', platform: undefined, key: text, value }];
  const key = text.slice(colon + 1);
  return matches.map((match) => ({
    level: (match?.[1] ?? 'manifest') as AnnotationLevel,
    platform: match?.[2],
    key,
    value,
  }));
};

export interface AnnotationSet {
  /** Those of a level, for a platform where the level has one. */
  of(level: AnnotationLevel, platform?: string): Annotations;
  readonly isEmpty: boolean;
}

/**
 * Reads annotations as `--annotation` writes them.
 *
 * @throws OUTPUTS_INDEX_ANNOTATION when one is for an index and there is none
 */
export const readAnnotations = (annotations: Annotations, hasIndex: boolean): AnnotationSet => {
  const all = Object.entries(annotations).flatMap(([text, value]) => readOne(text, value));
  const stray = all.find(({ level }) => level === 'index');
  if (stray !== undefined && !hasIndex) throw outputsErrors.indexAnnotation({ key: stray.key });
  return {
    isEmpty: all.length === 0,
    of: (level, platform) =>
      Object.fromEntries(
        all
          .filter((one) => one.level === level && (one.platform === undefined || one.platform === platform))
          .map(({ key, value }) => [key, value]),
      ),
  };
};
