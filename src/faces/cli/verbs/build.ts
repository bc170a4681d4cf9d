import { writeFileSync } from 'node:fs';
import { toLadeError } from '#errors';
import { defineCommand } from '../command.ts';
import { chooseBuildContext, type CliBuildContext } from '../build-context.ts';
import { descriptionOrder } from '../build-describe.ts';
import { buildEngineOf, otherEngineThan, type BuildEngine } from '../build-engine.ts';
import { BUILD_FLAGS, type BuildFlags } from '../build-flags.ts';
import { buildWithLade } from '../build-lade.ts';
import { readBuildOptions, type BuildOptions } from '../build-options.ts';
import { redirectStdout } from '../build-stdout.ts';
import { debugChoiceOf } from '../build-debug.ts';
import type { Cli } from '../context.ts';
import { cliErrors } from '../errors.ts';
import { report } from '../report.ts';

/** A RUN step that failed hands on its exit code, as docker's classic builds do. */
const exitCodeOf = (error: unknown): number => {
  const code = toLadeError(error).details?.['exitCode'];
  return typeof code === 'number' && code > 0 && code < 256 ? code : 1;
};

const writeResultFile = (path: string | undefined, text: string): void => {
  if (path === undefined) return;
  try {
    writeFileSync(path, text);
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    throw cliErrors.fileUnwritable({ path, problem }, error);
  }
};

interface Built {
  readonly imageId: string;
  readonly metadata: object;
}

interface Wanted {
  readonly place: string;
  readonly flags: BuildFlags;
  readonly onKept: (build: string) => void;
}

interface Ordered {
  readonly context: CliBuildContext;
  readonly options: BuildOptions;
}

const buildBy = async (cli: Cli, engine: BuildEngine, { context, options }: Ordered): Promise<Built> => {
  if (engine === 'docker') {
    const { buildByUpload } = await import('../build-upload.ts');
    const imageId = await buildByUpload(cli, context, options);
    return { imageId, metadata: { 'containerimage.config.digest': imageId } };
  }
  const { imageId, images, digest, metadata, buildId } = await buildWithLade(cli, engine, context, options);
  // Several platforms have no one image: their index stands for them.
  const id = images.length > 1 ? (digest ?? imageId) : imageId;
  return { imageId: id, metadata: { 'lade.build.id': buildId, ...metadata } };
};

/**
 * Most builds are for a Lade that sees our files: it is not asked first who it is, and whoever is somebody else refuses
 * before anything is done.
 */
const buildByWhoAnswers = async (cli: Cli, ordered: Ordered): Promise<Built> => {
  const client = await cli.client();
  if (client.host.kind !== 'unix' || ordered.context.kind !== 'directory')
    return await buildBy(cli, await buildEngineOf(client), ordered);
  try {
    return await buildBy(cli, 'here', ordered);
  } catch (error) {
    const other = await otherEngineThan(client, error);
    if (other === undefined) throw error;
    return await buildBy(cli, other, ordered);
  }
};

const build = async (cli: Cli, { place, flags, onKept }: Wanted): Promise<Built> => {
  const context = await chooseBuildContext(cli, { place, file: flags.file });
  await using redirected = await redirectStdout(cli, { ...readBuildOptions(cli, flags), onKept });
  const built = await buildByWhoAnswers(cli, { context, options: redirected.options });
  await redirected.finish();
  return built;
};

export const command = defineCommand({
  name: 'build',
  operands: '[OPTIONS] PATH | URL | -',
  summary: 'Build an image from a Dockerfile',
  aliases: ['image build', 'builder build', 'buildx build', 'build'],
  flags: BUILD_FLAGS,
  args: [1, 1],
  exitCodeOf,
  async run(cli, { flags, args: [place = '.'] }) {
    const description = descriptionOrder(flags);
    if (description !== undefined) {
      const { describeBuild } = await import('../build-describe.ts');
      return await describeBuild(cli, { place, flags }, description);
    }
    let kept: string | undefined;
    const onKept = (id: string): void => {
      kept = id;
    };
    let built: Built;
    try {
      built = await build(cli, { place, flags, onKept });
    } catch (error) {
      if (kept === undefined) throw error;
      report(cli, error);
      const { debugBuild } = await import('../build-debug.ts');
      await debugBuild(cli, kept, { choice: debugChoiceOf(flags.debug) ?? 'after' });
      return exitCodeOf(error);
    }
    const { imageId, metadata } = built;
    writeResultFile(flags.iidfile, imageId);
    writeResultFile(flags['metadata-file'], `${JSON.stringify(metadata, undefined, 2)}\n`);
    const toStdout = flags.output.some((word) => word === '-' || word.includes('dest=-'));
    if (flags.quiet && !toStdout) cli.out(`${imageId}\n`);
    return 0;
  },
});
