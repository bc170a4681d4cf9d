/** Media types of attach, exec and log streams. */
export const RAW_STREAM = 'application/vnd.docker.raw-stream';
export const MULTIPLEXED_STREAM = 'application/vnd.docker.multiplexed-stream';

export type StreamName = 'stdin' | 'stdout' | 'stderr';

const NUMBERS: Readonly<Record<StreamName, number>> = { stdin: 0, stdout: 1, stderr: 2 };
export const FRAME_HEADER_BYTES = 8;

/** Head of a frame of a multiplexed stream: stream number, three zeros, size as a big-endian 32-bit number. */
export const frameHeader = (stream: StreamName, size: number): Buffer => {
  const header = Buffer.alloc(FRAME_HEADER_BYTES);
  header.writeUInt8(NUMBERS[stream], 0);
  header.writeUInt32BE(size, 4);
  return header;
};

const NAMES: readonly StreamName[] = ['stdin', 'stdout', 'stderr'];

/** What a frame's head says, or undefined when these eight bytes are no head. */
export const parseFrameHeader = (
  header: Buffer,
): { readonly stream: StreamName; readonly size: number } | undefined => {
  const stream = NAMES[header.readUInt8(0)];
  return stream === undefined ? undefined : { stream, size: header.readUInt32BE(4) };
};
