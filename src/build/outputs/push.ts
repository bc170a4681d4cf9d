import { isLadeError, toLadeError } from '#errors';
import type { Pushed } from '#library';
import { familiarString, parseReference, repositoryName } from '#oci';
import type { DeliveryRequest, DeliveryTools } from './delivery-types.ts';
import { outputsErrors } from './errors.ts';

const pushFailure = (name: string, error: unknown): Error => {
  if (isLadeError(error, 'cancelled')) return error;
  const reference = parseReference(name);
  const more = {
    name: familiarString(reference),
    registry: reference.domain,
    reason: toLadeError(error).message,
  };
  const denied = isLadeError(error, 'permission-denied') || isLadeError(error, 'unauthenticated');
  return denied ? outputsErrors.pushDenied(more, error) : outputsErrors.pushFailed(more, error);
};

/** Pushes one name of an image in the store. @throws OUTPUTS_PUSH_DENIED, OUTPUTS_PUSH_FAILED */
export const pushName = async (
  { library }: Pick<DeliveryTools, 'library'>,
  { emit, credentials, signal }: DeliveryRequest,
  name: string,
): Promise<Pushed> => {
  const auth = credentials(repositoryName(parseReference(name)));
  emit({ kind: 'status', message: `pushing ${familiarString(parseReference(name))}` });
  try {
    const pushed = await library.push({ reference: name, auth, signal }, (event) => {
      if (event.kind !== 'layer') return;
      const { id, status, current, total } = event;
      emit({ kind: 'pull', step: undefined, id, status, current, total });
    });
    emit({ kind: 'status', message: `${pushed.tag}: digest: ${pushed.digest} size: ${pushed.size}` });
    return pushed;
  } catch (error) {
    signal?.throwIfAborted();
    throw pushFailure(name, error);
  }
};
