import { randomUUID } from 'node:crypto';
import { taggedImage } from '../content.ts';
import { defineChecks } from '../define.ts';
import { codesOf, demand, demandHeader, demandStatus, headerOf, unsupported } from '../expectations.ts';
import { digestBy } from '../probe.ts';
import type { Check, Probe, ProbeAnswer } from '../types.ts';

const CODES: ReadonlySet<unknown> = new Set([
  'BLOB_UNKNOWN',
  'BLOB_UPLOAD_INVALID',
  'BLOB_UPLOAD_UNKNOWN',
  'DIGEST_INVALID',
  'MANIFEST_BLOB_UNKNOWN',
  'MANIFEST_INVALID',
  'MANIFEST_UNKNOWN',
  'NAME_INVALID',
  'NAME_UNKNOWN',
  'SIZE_INVALID',
  'UNAUTHORIZED',
  'DENIED',
  'UNSUPPORTED',
  'TOOMANYREQUESTS',
]);

/** Some answers of 4xx of every kind. */
const failures = (registry: Probe): Promise<readonly ProbeAnswer[]> =>
  registry.once('failures', async () => {
    const { repository } = await taggedImage(registry);
    const absent = digestBy('sha256', randomUUID());
    const base = `/v2/${repository}`;
    return [
      await registry.call('GET', `${base}/manifests/absent`),
      await registry.call('GET', `${base}/blobs/${absent}`),
      await registry.call('GET', `${base}/referrers/sha256:bad`),
      await registry.call('GET', `${base}/blobs/uploads/${randomUUID()}`),
      await registry.call('GET', `/v2/${registry.repository()}/tags/list`),
      await registry.call('PUT', `${base}/manifests/bad`, {
        body: '{',
        headers: { 'content-type': 'application/vnd.oci.image.manifest.v1+json' },
      }),
      await registry.call('POST', `${base}/blobs/uploads/?digest=${absent}`, { body: 'lie' }),
      await registry.call('GET', `/v2/UPPER/tags/list`),
    ];
  });

/** Errors of those answers that are JSON. */
const errorsOf = async (
  registry: Probe,
): Promise<readonly { readonly asked: string; readonly error: Readonly<Record<string, unknown>> }[]> =>
  (await failures(registry)).flatMap(({ asked, json }) =>
    ((json as { errors?: readonly Record<string, unknown>[] } | undefined)?.errors ?? []).map((error) => ({
      asked,
      error,
    })),
  );

const determiningSupport = defineChecks('Determining Support', [
  ['MUST', 'GET /v2/ is 200', async (registry) => demandStatus(await registry.call('GET', '/v2/'), 200)],
]);

const endpoints = defineChecks('Endpoints', [
  [
    'SHOULD',
    'a method that an endpoint does not have is 405 with Allow (RFC 9110)',
    async (registry) => {
      const { repository } = await taggedImage(registry);
      for (const path of [`/v2/${repository}/tags/list`, `/v2/${repository}/manifests/v1`]) {
        const answer = await registry.call('PATCH', path);
        demandStatus(answer, 405);
        demand(/\bGET\b/.test(headerOf(answer, 'allow') ?? ''), `Allow is ${headerOf(answer, 'allow')}`);
      }
    },
  ],
  [
    'SHOULD',
    'If-None-Match with the ETag of a manifest is 304 (RFC 9110)',
    async (registry) => {
      const { repository, document } = await taggedImage(registry);
      const path = `/v2/${repository}/manifests/v1`;
      const etag = headerOf(await registry.call('GET', path), 'etag');
      if (etag === undefined) return unsupported('ETag');
      for (const value of [etag, `"other", ${etag}`, `W/${etag}`, '*'])
        demandStatus(await registry.call('GET', path, { headers: { 'if-none-match': value } }), 304);
      const answer = await registry.call('GET', path, { headers: { 'if-none-match': '"other"' } });
      demandStatus(answer, 200);
      return demandHeader(answer, 'content-length', String(document.body.length));
    },
  ],
]);

const errorCodes = defineChecks('Error Codes', [
  [
    'MUST',
    'an error body that is JSON has a list of errors with codes',
    async (registry) => {
      for (const answer of await failures(registry)) {
        const isJson = (headerOf(answer, 'content-type') ?? '').includes('json');
        if (!isJson || answer.body.length === 0) continue;
        const codes = codesOf(answer);
        demand(
          codes.length > 0 && codes.every((code) => typeof code === 'string'),
          `${answer.asked}: ${answer.body.toString()}`,
        );
      }
    },
  ],
  [
    'MUST',
    'codes are upper-case letters and underscores',
    async (registry) => {
      for (const { asked, error } of await errorsOf(registry))
        demand(
          typeof error['code'] === 'string' && /^[A-Z_]+$/.test(error['code']),
          `${asked}: ${JSON.stringify(error)}`,
        );
    },
  ],
  [
    'MUST',
    'codes are those of the specification',
    async (registry) => {
      for (const { asked, error } of await errorsOf(registry))
        demand(CODES.has(error['code']), `${asked}: ${JSON.stringify(error['code'])}`);
    },
  ],
  [
    'SHOULD',
    'message, where there is one, is text',
    async (registry) => {
      for (const { asked, error } of await errorsOf(registry))
        demand(
          ['undefined', 'string'].includes(typeof error['message']),
          `${asked}: ${JSON.stringify(error)}`,
        );
    },
  ],
]);

const warnings = defineChecks('Warnings', [
  [
    'MUST',
    'Warning headers are 299, without agent and date, and at most 4,096 bytes together',
    async (registry) => {
      const { repository } = await taggedImage(registry);
      for (const path of ['/v2/', `/v2/${repository}/tags/list`, `/v2/${repository}/manifests/v1`]) {
        const { headers } = await registry.call('GET', path);
        const found = [headers['warning'] ?? []].flat();
        demand(
          found.every((value) => /^299 - "(?:[^"\\]|\\.)*"(?:, 299 - "(?:[^"\\]|\\.)*")*$/.test(value)),
          `Warning is ${found.join()}`,
        );
        demand(found.join('').length <= 4096, 'warnings are longer than 4,096 bytes');
      }
    },
  ],
]);

const proxying = defineChecks('Registry Proxying', [
  [
    'SHOULD',
    'OCI-Namespace, where there is one, repeats ns',
    async (registry) => {
      const { repository } = await taggedImage(registry);
      const answer = await registry.call('GET', `/v2/${repository}/manifests/v1?ns=registry.example.org`);
      demandStatus(answer, 200, 404);
      const found = headerOf(answer, 'oci-namespace');
      if (found === undefined) return unsupported('ns');
      return demandHeader(answer, 'oci-namespace', 'registry.example.org');
    },
  ],
]);

/** Spec: Registry Proxying and API. */
export const apiChecks: readonly Check[] = [
  ...determiningSupport,
  ...endpoints,
  ...errorCodes,
  ...warnings,
  ...proxying,
];
