import { dispatch } from './dispatch.ts';

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // Whoever read our output has gone: there is nobody left to tell.
  process.exit(error.code === 'EPIPE' ? 0 : 1);
});

const [verb, ...rest] = process.argv.slice(2);
if (verb === 'daemon') {
  const { becomeProgram } = await import('./programs.ts');
  await becomeProgram('daemon', rest);
} else if (verb === 'registry' && rest[0] === 'serve') {
  const { becomeProgram } = await import('./programs.ts');
  await becomeProgram('registryd', rest.slice(1));
} else {
  process.exit(await dispatch(process.argv.slice(2)));
}
