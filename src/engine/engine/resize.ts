import type { TerminalSize } from '#runtime';
import type { Container } from './container.ts';
import { emitContainer, type EngineContext } from './context.ts';
import { engineErrors } from './errors.ts';
import { isLive } from './record.ts';

/** Sets the size of the container's terminal. */
export const resizeContainer = async (
  context: EngineContext,
  container: Container,
  size: TerminalSize,
): Promise<void> => {
  if (!isLive(container.record)) throw engineErrors.notRunning({ name: container.record.name });
  await context.runtime.resize(container.id, size);
  emitContainer(context, container, 'resize', { height: String(size.rows), width: String(size.cols) });
};
