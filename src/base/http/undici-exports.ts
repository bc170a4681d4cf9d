/**
 * What this room uses of undici, loaded with the first request over the network.
 *
 * A file of its own because undici is CommonJS: a bundler keeps its names for a static import, not for `import()`.
 */
export { Agent, ProxyAgent, buildConnector, request } from 'undici';
import type { buildConnector as build } from 'undici';

export type Connector = build.connector;
export type BuildOptions = build.BuildOptions;
