import type { LadeError } from '#errors';
import { collect, type HttpResponse } from '#http';
import * as z from 'zod/mini';
import { distributionErrors } from './errors.ts';
import { retryAfterMs } from './retry.ts';

const MAX_ERROR_BYTES = 64 * 1024;

const errorBody = z.object({
  errors: z
    .array(z.object({ code: z._default(z.string(), ''), message: z.nullish(z.string()) }))
    .check(z.minLength(1)),
});

/** What was asked, for the error's text. */
export interface Subject {
  readonly host: string;
  /** Familiar name of image or repository. */
  readonly name: string;
  readonly kind: 'manifest' | 'blob' | 'repository' | 'upload' | 'ping';
  readonly digest?: string | undefined;
}

interface Reported {
  readonly codes: readonly string[];
  readonly reason: string;
}

/** Nothing a server sends may steer a terminal. */
const printable = (text: string): string => text.replaceAll(/\p{Cc}+/gu, ' ').slice(0, 500);

/** For answers without words, such as those to HEAD. */
const STATUS_WORDS: Readonly<Record<number, string>> = {
  401: 'authentication required',
  403: 'requested access to the resource is denied',
};

const reported = async (response: HttpResponse): Promise<Reported> => {
  const body = await collect(response.body, MAX_ERROR_BYTES).catch(() => Buffer.alloc(0));
  try {
    const { errors } = errorBody.parse(JSON.parse(body.toString('utf8')));
    const texts = errors.map(
      ({ code, message }) => (message ?? '') || code.toLowerCase().replaceAll('_', ' '),
    );
    return { codes: errors.map(({ code }) => code), reason: printable(texts.join('; ')) };
  } catch {
    return { codes: [], reason: STATUS_WORDS[response.status] ?? `HTTP status ${response.status}` };
  }
};

const notFound = (subject: Subject, codes: readonly string[]): LadeError | undefined => {
  if (codes.includes('NAME_UNKNOWN')) return distributionErrors.repositoryNotFound(subject);
  if (subject.kind === 'manifest') return distributionErrors.manifestNotFound(subject);
  if (subject.kind === 'blob') {
    return distributionErrors.blobNotFound({ ...subject, digest: subject.digest ?? 'of this name' });
  }
  return subject.kind === 'repository' ? distributionErrors.repositoryNotFound(subject) : undefined;
};

/** The error for an answer that is not what was hoped for; reads the body. */
export const answerError = async (response: HttpResponse, subject: Subject): Promise<LadeError> => {
  const { codes, reason } = await reported(response);
  const { status } = response;
  const retryAfter = retryAfterMs(response.headers['retry-after']);
  const refusal = { host: subject.host, status, reason, retryAfterMs: retryAfter };
  if (status === 401) return distributionErrors.unauthorized({ host: subject.host, reason });
  if (status === 403) return distributionErrors.denied({ ...subject, reason });
  if (status === 429) return distributionErrors.rateLimited(refusal);
  if (status >= 500) return distributionErrors.registryFailed(refusal);
  if (status === 404) {
    const known = notFound(subject, codes);
    if (known !== undefined) return known;
  }
  return subject.kind === 'ping'
    ? distributionErrors.notARegistry(refusal)
    : distributionErrors.refused(refusal);
};
