import type { Cli } from './context.ts';
import { authHeader } from './registry-auth.ts';
import { splitReference } from './image-names.ts';
import { transfer, type TransferOptions } from './transfer.ts';

export interface PullOptions extends TransferOptions {
  readonly platform?: string | undefined;
  readonly allTags?: boolean;
  readonly allPlatforms?: boolean;
  readonly referrers?: boolean;
}

/** Pulls one image (or every tag of a repository) and shows progress. */
export const pullImage = async (cli: Cli, reference: string, options: PullOptions): Promise<void> => {
  const { name, tag, digest } = splitReference(reference);
  const version = digest === '' ? tag || (options.allTags === true ? '' : 'latest') : digest;
  await transfer(
    cli,
    {
      method: 'POST',
      path: '/images/create',
      query: {
        fromImage: name,
        tag: version === '' ? undefined : version,
        platform: options.platform,
        allPlatforms: options.allPlatforms === true ? '1' : undefined,
        referrers: options.referrers === true ? '1' : undefined,
      },
      headers: await authHeader(cli, reference),
    },
    options,
  );
};
