export { createChannel, type Channel, type Emit, type Subscription } from './channel.ts';
export { onSpan, span, type Span } from './spans.ts';
