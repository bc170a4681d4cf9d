import { writeFileSync } from 'node:fs';
import { toLadeError } from '#errors';
import { flagTable } from '#console';
import { defineCommand } from '../command.ts';
import { chooseBuildContext } from '../build-context.ts';
import { readBuildOptions } from '../build-options.ts';
import { buildHere, canBuildHere } from '../build-here.ts';
import { buildByUpload } from '../build-upload.ts';

export const buildFlags = flagTable({
  'add-host': { kind: 'list', help: 'Add a custom host-to-IP mapping ("host:ip")' },
  'build-arg': { kind: 'list', help: 'Set build-time variables' },
  explain: { kind: 'bool', help: 'Say for each step whether it came from the cache, and why not' },
  file: {
    kind: 'string',
    short: 'f',
    help: 'Name of the Dockerfile (default "PATH/Dockerfile"), - for stdin',
  },
  'force-rm': { kind: 'bool', help: 'Accepted for compatibility', hidden: true },
  'host-ca': { kind: 'string', help: 'CA bundle that RUN steps may read; never in the image or a cache key' },
  iidfile: { kind: 'string', help: 'Write the image ID to a file' },
  label: { kind: 'list', help: 'Set metadata for an image' },
  load: { kind: 'bool', help: 'Accepted for compatibility', hidden: true },
  network: {
    kind: 'string',
    help: 'Set the networking mode for the "RUN" instructions: default, none, host',
  },
  'no-cache': { kind: 'bool', help: 'Do not use cache when building the image' },
  platform: { kind: 'string', help: 'Set target platform for build' },
  progress: { kind: 'string', help: 'Type of progress output (auto, tty, plain, rawjson, quiet)' },
  pull: { kind: 'bool', help: 'Always attempt to pull all referenced images' },
  quiet: { kind: 'bool', short: 'q', help: 'Suppress the build output and print image ID on success' },
  rm: { kind: 'bool', on: true, help: 'Accepted for compatibility', hidden: true },
  secret: { kind: 'list', help: 'Secret to expose to the build (id=mysecret[,src=/local/secret|,env=NAME])' },
  'shm-size': { kind: 'bytes', help: 'Shared memory size for RUN steps' },
  tag: { kind: 'list', short: 't', help: 'Name and optionally a tag (format: "name:tag")' },
  target: { kind: 'string', help: 'Set the target build stage to build' },
});

/** A RUN step that failed hands on its exit code, as docker's classic builds do. */
const exitCodeOf = (error: unknown): number => {
  const code = toLadeError(error).details?.['exitCode'];
  return typeof code === 'number' && code > 0 && code < 256 ? code : 1;
};

export const command = defineCommand({
  name: 'build',
  operands: '[OPTIONS] PATH | -',
  summary: 'Build an image from a Dockerfile',
  aliases: ['image build', 'builder build', 'build'],
  flags: buildFlags,
  args: [1, 1],
  exitCodeOf,
  async run(cli, { flags, args: [place = '.'] }) {
    const context = await chooseBuildContext(cli, { place, file: flags.file });
    const options = readBuildOptions(cli, flags);
    const client = await cli.client();
    const here = context.kind === 'directory' && (await canBuildHere(client));
    const imageId = here
      ? await buildHere(cli, context, options)
      : await buildByUpload(cli, context, options);
    if (flags.iidfile !== undefined) writeFileSync(flags.iidfile, imageId);
    if (options.progress === 'quiet') cli.out(`${imageId}\n`);
    return 0;
  },
});
