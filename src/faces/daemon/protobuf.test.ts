import { expect, test } from 'vitest';
import { encodeProto, protoBytes, protoMessage, protoText, protoTime, protoWhole } from './protobuf.ts';

test('fields in the wire format; defaults and undefined are left out', () => {
  const message = encodeProto([
    [1, protoText('testing')],
    [2, protoWhole(150)],
    [3, protoMessage([[1, protoWhole(1)]])],
    [4, protoText('')],
    [5, undefined],
    [16, protoBytes(Buffer.from([0xff]))],
  ]);
  expect(message.toString('hex')).toBe('0a0774657374696e671096011a020801820101ff');
});

test('times are seconds and nanoseconds; lengths may need two bytes', () => {
  expect(encodeProto([[1, protoTime(1_500_000_000_250)]]).toString('hex')).toBe('0a0b0880dea0cb051080e59a77');
  expect(
    encodeProto([[1, protoText('x'.repeat(200))]])
      .subarray(0, 3)
      .toString('hex'),
  ).toBe('0ac801');
});
