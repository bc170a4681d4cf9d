import { defineErrors } from '#errors';

/** How a check ends that does not pass. */
export const conformanceErrors = defineErrors('conformance', {
  unmet: {
    kind: 'failed-precondition',
    message: (p: { found: string }) => p.found,
  },
  unsupported: {
    kind: 'unsupported',
    message: (p: { what: string }) => `not offered: ${p.what}`,
  },
  unreachable: {
    kind: 'unavailable',
    message: (p: { url: string; reason: string }) => `there is no registry at ${p.url}: ${p.reason}`,
    hint: 'name its base URL, such as https://registry.example.org, without /v2/',
  },
});
