export type * from './types.ts';
export type { BuildContext, NamedContext } from '#sources';
export type { AttestationSpec, OutputSpec } from '#outputs';
export { HOST_CA_TARGET, HOST_CA_VARIABLES } from '#steps';
export { builderErrors } from './errors.ts';
export { hasLeftovers, scratchOf } from './leftovers.ts';
export { builderMigrations } from './migrations.ts';
export { createBuilder, type BuilderDependencies } from './builder.ts';
