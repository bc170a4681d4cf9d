import type { RunSurroundings } from '#steps';
import type { Draft } from './draft.ts';
import type { Plan } from './make-plan.ts';
import { proxyArgs } from './plan-files.ts';

/** What RUN steps get from the request and the machine; tells of what leaves no trace. */
export const surroundingsOf = (draft: Draft, planned: Plan['planned']): RunSurroundings => {
  const { request, emit } = draft;
  const runs = Array.from(planned.values()).some(({ steps }) =>
    steps.some((step) => step.operation?.kind === 'run'),
  );
  const proxies = new Map([...Object.entries(request.proxies ?? {}), ...proxyArgs(request.buildArgs ?? {})]);
  if (runs && request.hostCa !== undefined) {
    emit({
      kind: 'status',
      message: `RUN steps trust the host's certificates (${request.hostCa.path}); they stay out of the image`,
    });
  }
  if (runs && proxies.size > 0) {
    emit({
      kind: 'status',
      message: `RUN steps use the proxy variables ${[...proxies.keys()].join(', ')}; they stay out of the image`,
    });
  }
  return {
    hostCa: request.hostCa?.path,
    proxies,
    secrets: request.secrets ?? {},
    network: request.network ?? 'default',
    extraHosts: request.extraHosts ?? [],
    shmSizeBytes: request.shmSizeBytes,
  };
};
