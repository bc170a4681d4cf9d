import { runRegistryd } from './run.ts';

const argv = process.argv.slice(2);
const behindRegistry = argv[0] === 'registry' ? argv.slice(1) : argv;
const [verb] = behindRegistry;
process.exitCode =
  verb === 'config'
    ? await runRegistryd('config', behindRegistry.slice(1))
    : await runRegistryd('serve', verb === 'serve' ? behindRegistry.slice(1) : behindRegistry);
