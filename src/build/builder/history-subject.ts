import type { BuildSubject } from './history-types.ts';
import type { BuildRequest } from './request.ts';

/** A URL as it may be shown and kept: without credentials. */
const shownUrl = (url: string): string => url.replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/@]*@/iu, '$1');

const contextOf = ({ context }: BuildRequest): string => {
  if (context.kind === 'directory') return context.path;
  return context.kind === 'remote' ? shownUrl(context.url) : '-';
};

/** What the history says of a build from its beginning. */
export const subjectOf = (request: BuildRequest): BuildSubject => {
  const { dockerfile = 'Dockerfile', target, platforms = [], tags = [] } = request;
  return {
    context: contextOf(request),
    dockerfile: typeof dockerfile === 'object' ? '-' : dockerfile,
    ...(target === undefined ? {} : { target }),
    platforms: platforms.filter((platform) => platform !== ''),
    tags,
  };
};
