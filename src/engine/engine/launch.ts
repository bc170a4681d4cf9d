import { toRuntimeSpec, type TerminalSize } from '#runtime';
import type { Container } from './container.ts';
import { filesOf, snapshotOf, type EngineContext } from './context.ts';
import { makeMountTargets } from './mount-targets.ts';
import { connectNetworks, disconnectNetworks } from './networking.ts';
import { ownFileMounts, writeOwnFiles } from './own-files.ts';
import { toSpecInput } from './spec-input.ts';

const consoleSizeOf = (container: Container, given: TerminalSize | undefined): TerminalSize | undefined => {
  const [rows = 0, cols = 0] = container.record.hostConfig.ConsoleSize ?? [];
  return given ?? (rows > 0 && cols > 0 ? { rows, cols } : undefined);
};

const createProcess = async (
  context: EngineContext,
  container: Container,
  given: { readonly consoleSize: TerminalSize | undefined; readonly mounted: Promise<string> },
): Promise<number> => {
  const { runtime } = context;
  const { record } = container;
  const network = await connectNetworks(context, record);
  const rootfs = await given.mounted;
  writeOwnFiles(context, record);
  const ownFiles = ownFileMounts(context, record);
  const input = toSpecInput(record, {
    rootfs,
    network,
    ownFiles,
    consoleSize: consoleSizeOf(container, given.consoleSize),
    host: runtime.host,
  });
  makeMountTargets(rootfs, input.mounts ?? []);
  const { pid } = await runtime.create({
    id: record.id,
    spec: toRuntimeSpec(input, runtime.host),
    openStdin: record.config.OpenStdin,
    stdinOnce: record.config.StdinOnce,
    logPath: filesOf(context, record.id).log,
  });
  return pid;
};

/**
 * Makes and starts the container's process: root, network, files, process, attachments, go.
 *
 * On failure nothing of it is left.
 */
export const launch = async (
  context: EngineContext,
  container: Container,
  consoleSize: TerminalSize | undefined,
): Promise<number> => {
  const mounted = snapshotOf(context, container).mount();
  try {
    const pid = await createProcess(context, container, { consoleSize, mounted });
    for (const attach of container.beforeStart) await attach();
    container.beforeStart.clear();
    await context.runtime.start(container.id);
    return pid;
  } catch (error) {
    await mounted.catch(() => undefined);
    await context.runtime.delete(container.id);
    await disconnectNetworks(context, container.record);
    throw error;
  }
};
