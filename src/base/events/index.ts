export { createChannel, type Channel, type Emit, type Subscription } from './channel.ts';
