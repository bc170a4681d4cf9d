import { span } from '#events';
import { toRuntimeSpec, type RuntimeSpec, type TerminalSize } from '#runtime';
import type { Container } from './container.ts';
import { filesOf, snapshotOf, type EngineContext } from './context.ts';
import { makeMountTargets } from './mount-targets.ts';
import { connectNetworks, disconnectNetworks, openNetwork } from './networking.ts';
import { makeOwnFiles, ownFileMounts, writeOwnFiles } from './own-files.ts';
import { toSpecInput } from './spec-input.ts';

const consoleSizeOf = (container: Container, given: TerminalSize | undefined): TerminalSize | undefined => {
  const [rows = 0, cols = 0] = container.record.hostConfig.ConsoleSize ?? [];
  return given ?? (rows > 0 && cols > 0 ? { rows, cols } : undefined);
};

/** Makes what the runtime needs: root, network namespace, files, and the specification. */
const prepare = async (
  context: EngineContext,
  container: Container,
  consoleSize: TerminalSize | undefined,
): Promise<RuntimeSpec> => {
  const { runtime } = context;
  const { id, record } = container;
  const rootfs = await span('mount root', id, () => snapshotOf(context, container).mount());
  const network = openNetwork(context, record);
  makeOwnFiles(context, record);
  const input = toSpecInput(record, {
    rootfs,
    network,
    ownFiles: ownFileMounts(context, record),
    consoleSize: consoleSizeOf(container, consoleSize),
    host: runtime.host,
  });
  makeMountTargets(rootfs, input.mounts ?? []);
  return toRuntimeSpec(input, runtime.host);
};

const createProcess = async (
  context: EngineContext,
  { record }: Container,
  spec: RuntimeSpec,
): Promise<number> => {
  const { pid } = await span('create process', record.id, () =>
    context.runtime.create({
      id: record.id,
      spec,
      openStdin: record.config.OpenStdin,
      stdinOnce: record.config.StdinOnce,
      logPath: filesOf(context, record.id).log,
    }),
  );
  return pid;
};

/** Connects the clients that attached before the start, then lets the process run. */
const letRun = async (context: EngineContext, container: Container): Promise<void> => {
  for (const attach of container.beforeStart) await attach();
  container.beforeStart.clear();
  await context.runtime.start(container.id);
};

/** Both to their end, so that a failure of one leaves nothing of the other under way. */
const together = async <A, B>(first: Promise<A>, second: Promise<B>): Promise<readonly [A, B]> => {
  await Promise.allSettled([first, second]);
  return [await first, await second];
};

/**
 * Makes and starts the container's process: root, namespace, files, process, attachments, go. Addresses and ports are
 * made while the runtime, which has been set going first, makes the process: that takes longer.
 *
 * On failure nothing of it is left.
 */
export const launch = async (
  context: EngineContext,
  container: Container,
  consoleSize: TerminalSize | undefined,
): Promise<number> => {
  const { id, record } = container;
  try {
    const spec = await span('prepare', id, () => prepare(context, container, consoleSize));
    const [pid] = await together(
      createProcess(context, container, spec),
      span('connect networks', id, () => connectNetworks(context, record)),
    );
    writeOwnFiles(context, record);
    await span('let run', id, () => letRun(context, container));
    return pid;
  } catch (error) {
    await context.runtime.delete(container.id);
    await disconnectNetworks(context, record);
    throw error;
  }
};
