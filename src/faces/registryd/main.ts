import { becomeLean } from './lean-process.ts';

const argv = process.argv.slice(2);
const behindRegistry = argv[0] === 'registry' ? argv.slice(1) : argv;
const [verb] = behindRegistry;
const alone = verb === 'config' || verb === 'restore' ? verb : 'serve';
if (alone === 'serve') becomeLean();
const { runRegistryd } = await import('./run.ts');
process.exitCode = await runRegistryd(alone, verb === alone ? behindRegistry.slice(1) : behindRegistry);
