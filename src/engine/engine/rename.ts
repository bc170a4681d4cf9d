import type { Container } from './container.ts';
import { emitContainer, type EngineContext } from './context.ts';
import { engineErrors } from './errors.ts';
import { isValidName } from './names.ts';
import { isLive } from './record.ts';

/** Gives a container another name; its old one is free when this resolves. */
export const rename = async (context: EngineContext, container: Container, wanted: string): Promise<void> => {
  const name = wanted.replace(/^\//, '');
  const oldName = container.record.name;
  if (!isValidName(name)) throw engineErrors.invalidName({ name });
  if (name === oldName) {
    throw engineErrors.invalidConfig({
      reason: 'Renaming a container with the same name as its current name',
    });
  }
  context.containers.reserve(name, container.id);
  try {
    await context.containers.save(container, { name });
    if (isLive(container.record)) await context.networks.rename(container.id, name);
  } catch (error) {
    context.containers.giveUp(name);
    throw error;
  }
  emitContainer(context, container, 'rename', { oldName: `/${oldName}` });
};
