/** What this room uses of the YAML parser; a file of its own, so that it is loaded (and bundled) apart. */
export { LineCounter, isAlias, isMap, isScalar, isSeq, parseDocument } from 'yaml';
