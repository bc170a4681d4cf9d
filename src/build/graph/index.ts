export { toGraph, type Graph } from './graph.ts';
export { identifySteps } from './step-identities.ts';
export { createNoShare, createVertexShare, type VertexShare } from './vertex-share.ts';
