export { tarErrors } from './errors.ts';
export { createInflater, type Inflater } from './inflate.ts';
export { compareNames, decodeName, encodeName, fsPath } from './names.ts';
export { decompress, packingOf, unpackedBytes, type Packing } from './packing.ts';
export { createTarParser, type SkippingTarParser } from './parser.ts';
export { readTar } from './read.ts';
export { scanTar } from './scan.ts';
export { encodeTarHeader, TAR_END, tarPadding, writeTar, type TarSource } from './writer.ts';
export type { TarEntry, TarExtent, TarHeader, TarItem, TarKind, TarParser, TarVisitor } from './types.ts';
