import type { Assembly } from '#library';
import { canonicalString, parseReference } from '#oci';
import type { DeliveryRequest, DeliveryTools } from './delivery-types.ts';
import { writeFileOutput } from './destinations.ts';
import type { OutputSpec } from './types.ts';
import { writeLayout } from './write-layout.ts';

type ArchiveSpec = OutputSpec & { readonly kind: 'oci' | 'docker' };

const namesOf = (output: ArchiveSpec, request: DeliveryRequest): readonly string[] =>
  (output.names ?? request.names).map((name) => canonicalString(parseReference(name)));

/** Writes an archive, or the directory of an OCI layout. */
export const writeArchive = async (
  { library }: DeliveryTools,
  request: DeliveryRequest,
  { output, assembly }: { readonly output: ArchiveSpec; readonly assembly: Assembly },
): Promise<void> => {
  const bytes = library.assemblies.save(assembly, { names: namesOf(output, request), form: output.kind });
  const { destination } = output;
  if (output.kind === 'docker' || output.tar) return writeFileOutput(destination, bytes, request.signal);
  return writeLayout(destination, bytes, request.signal);
};
