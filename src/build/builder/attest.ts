import type { Emit } from '#events';
import type { ImageStatement } from '#library';
import { sbomStatement, type Subject } from '#outputs';
import type { BuildTools } from './draft.ts';
import type { Lane } from './lanes.ts';
import { provenanceOf, provenanceStatement } from './provenance.ts';
import type { BuildEvent, BuildRequest } from './types.ts';

interface AttestInput {
  readonly tools: BuildTools;
  readonly request: BuildRequest;
  readonly lanes: readonly Lane[];
  readonly buildId: string;
  readonly startedAt: Date;
  readonly emit: Emit<BuildEvent>;
}

/** Makes the statements about the images of a build. */
export interface Attester {
  /** Undefined when none are wanted. */
  readonly statements: ((subject: Subject) => Promise<readonly ImageStatement[]>) | undefined;
  /** Predicates of the provenance that was made, by platform. */
  readonly provenance: ReadonlyMap<string, object>;
}

/** Provenance is made once for each platform, however many manifests the image gets. */
export const createAttester = ({ lanes, ...input }: AttestInput): Attester => {
  const { attestations } = input.request;
  const provenance = new Map<string, object>();
  if (attestations?.provenance === undefined && attestations?.sbom !== true)
    return { statements: undefined, provenance };
  const provenanceFor = async (lane: Lane, mode: 'min' | 'max'): Promise<object> => {
    const known = provenance.get(lane.platform);
    const made = known ?? (await provenanceOf({ ...input, lane, finishedAt: new Date() }, mode));
    provenance.set(lane.platform, made);
    return made;
  };
  const told = new Set<string>();
  const tellLeftOut = (what: string): void => {
    if (!told.has(what)) input.emit({ kind: 'warning', message: `not in the SBOM: ${what}` });
    told.add(what);
  };
  const statements = async (subject: Subject): Promise<readonly ImageStatement[]> => {
    const made: ImageStatement[] = [];
    const lane = lanes.find(({ platform }) => platform === subject.image.platform);
    if (attestations.sbom === true)
      made.push(await sbomStatement(input.tools.layers, subject, input.request.signal, tellLeftOut));
    if (attestations.provenance !== undefined && lane !== undefined)
      made.push(provenanceStatement(subject, await provenanceFor(lane, attestations.provenance)));
    return made;
  };
  return { statements, provenance };
};
