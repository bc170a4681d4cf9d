export { startHttpServer } from './server.ts';
export {
  answered,
  incoming,
  outgoing,
  readBody,
  readIncoming,
  requestSignal,
  sendStream,
} from './exchange.ts';
export { sendRegion } from './send-region.ts';
export { hijack, type HijackOptions } from './hijack.ts';
export { createHttpClient } from './client.ts';
export { connectionFailure } from './failure.ts';
export { chunksOf, collect, drained, releaseChunk } from './body.ts';
export { isLoopbackHost, proxyFor } from './proxy.ts';
export {
  createOutboundGuard,
  isAllowance,
  type OutboundGuard,
  type OutboundGuardOptions,
} from './outbound-guard.ts';
export { cameByUnixSocket } from './unix-connections.ts';
export { httpErrors } from './errors.ts';
export type {
  BoundAddress,
  ClientTimeouts,
  FileRegion,
  HeaderValues,
  HttpClient,
  HttpClientOptions,
  HttpRequest,
  HttpResponse,
  HttpServer,
  HttpServerOptions,
  ListenAddress,
  ProxySettings,
  RequestBody,
  ServerTls,
  UpgradeRequest,
  UpgradeResult,
} from './types.ts';
