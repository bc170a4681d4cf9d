import { runResolver } from './resolver-process.ts';

const [, , directory = '.'] = process.argv;
process.title = 'lade-resolver';
// The terminal and the daemon's end do not end it: containers go on asking.
for (const signal of ['SIGINT', 'SIGHUP'] as const) process.on(signal, () => undefined);
runResolver(directory);
