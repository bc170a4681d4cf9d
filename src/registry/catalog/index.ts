export { createCatalogReader, type CatalogReader } from './reader.ts';
export { classicSearch, type ClassicSearchAnswer } from './classic-search.ts';
