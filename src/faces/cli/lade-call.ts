import type { ClientRequest, DockerClient } from '#client';
import { isLadeError } from '#errors';

/** Calls something of Lade's own API; undefined when another engine answers, which knows nothing of it. */
export const ladeCall = async <T>(client: DockerClient, request: ClientRequest): Promise<T | undefined> => {
  try {
    return await client.json<T>(request);
  } catch (error) {
    if (isLadeError(error, 'not-found')) return undefined;
    throw error;
  }
};
