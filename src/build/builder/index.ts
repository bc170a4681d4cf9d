export type * from './types.ts';
export { builderErrors } from './errors.ts';
export { hasLeftovers } from './leftovers.ts';
export { builderMigrations } from './migrations.ts';
export { createBuilder, type BuilderDependencies } from './builder.ts';
export { HOST_CA_TARGET, HOST_CA_VARIABLES } from './host-trust.ts';
