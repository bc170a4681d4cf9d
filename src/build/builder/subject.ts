import type { BuildSubject } from '#history';
import { withoutPassword } from '#sources';
import type { BuildRequest } from './request.ts';

const contextOf = ({ context }: BuildRequest): string => {
  if (context.kind === 'directory') return context.path;
  return context.kind === 'remote' ? withoutPassword(context.url) : '-';
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
