import { runRegistryd } from './run.ts';

const argv = process.argv.slice(2);
const behindVerbs = argv[0] === 'registry' && argv[1] === 'serve' ? argv.slice(2) : argv;
process.exitCode = await runRegistryd(behindVerbs);
