import { dispatch } from './dispatch.ts';

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // Whoever read our output has gone: there is nobody left to tell.
  process.exit(error.code === 'EPIPE' ? 0 : 1);
});

const start = async (argv: readonly string[]): Promise<void> => {
  const [verb, ...rest] = argv;
  const serves = verb === 'registry' && rest[0] === 'serve';
  if (verb !== 'daemon' && !serves) process.exit(await dispatch(argv));
  const { becomeProgram } = await import('./programs.ts');
  await (serves ? becomeProgram('registryd', rest.slice(1)) : becomeProgram('daemon', rest));
};

void start(process.argv.slice(2));
