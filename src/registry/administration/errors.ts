import { defineErrors } from '#errors';

/** Errors of the administration's interface. */
export const administrationErrors = defineErrors('administration', {
  parameterInvalid: {
    kind: 'invalid-argument',
    message: (p: { name: string; value: string; reason: string }) =>
      `${p.name} cannot be ${JSON.stringify(p.value)}: ${p.reason}`,
  },
  bodyInvalid: {
    kind: 'invalid-argument',
    message: (p: { reason: string }) => `the request's body is not as expected: ${p.reason}`,
  },
  usageUnknown: {
    kind: 'not-found',
    message: (p: { name: string }) =>
      `there is neither a repository nor a namespace ${JSON.stringify(p.name)}`,
    hint: '`lade registry du` lists the namespaces',
  },
  pathUnknown: {
    kind: 'not-found',
    message: (p: { path: string }) => `there is nothing at ${p.path}`,
  },
  repositoryUnknown: {
    kind: 'not-found',
    message: (p: { repository: string }) => `there is no repository ${p.repository}`,
    hint: '`lade registry ls` shows those that are there',
  },
  manifestUnknown: {
    kind: 'not-found',
    message: (p: { repository: string; reference: string }) => `${p.repository} has no ${p.reference}`,
    hint: '`lade registry manifests REPOSITORY` shows what is there',
  },
  localOnly: {
    kind: 'permission-denied',
    message: (p: { what: string }) => `${p.what} is for who calls through the registry's own socket`,
    hint: 'run it on the machine of the registry, with --registry unix:///ROOT/registry.sock',
  },
});
