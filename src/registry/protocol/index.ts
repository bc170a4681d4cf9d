export { limitBody } from './body-limits.ts';
export { accessRequest, causeOf, createProtocol, type ProtocolHandler } from './protocol.ts';
export { translateError } from './codes.ts';
export { protocolErrors } from './errors.ts';
export { limitsSettings, protocolLimits } from './settings.ts';
export type {
  Protection,
  Freshness,
  IncomingBlob,
  ProtocolLimits,
  ProtocolObserver,
  ProtocolOptions,
  PullRequest,
  PullThrough,
  RegistryStorage,
} from './types.ts';
export { factsOf, makeRequestId, stateFacts, type RequestFacts } from './request-facts.ts';
