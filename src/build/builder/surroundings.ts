import { proxyArgs, type Plan } from '#plan';
import type { RunSurroundings } from '#steps';
import type { Draft } from './draft.ts';
import type { BuildRequest } from './types.ts';

/** A build argument that is a setting of the builder. */
const settingOf = ({ buildArgs }: BuildRequest, name: string): string | undefined => {
  const value = buildArgs?.[name];
  return value === '' ? undefined : value;
};

/** What RUN steps get from the request and the machine; tells of what leaves no trace. */
export const surroundingsOf = (draft: Draft, planned: Plan['planned']): RunSurroundings => {
  const { request, emit, tools } = draft;
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
    ssh: request.ssh ?? {},
    network: request.network ?? 'default',
    extraHosts: request.extraHosts ?? [],
    shmSizeBytes: request.shmSizeBytes,
    limits: request.limits ?? {},
    allow: new Set(request.allow ?? []),
    hostname: settingOf(request, 'BUILDKIT_SANDBOX_HOSTNAME'),
    cacheNamespace: settingOf(request, 'BUILDKIT_CACHE_MOUNT_NS'),
    onFailed: tools.onFailed,
  };
};
