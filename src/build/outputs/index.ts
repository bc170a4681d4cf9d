export type * from './types.ts';
export type { BuiltImage, Delivered, DeliveryEvent, Subject } from './delivery-types.ts';
export { checkDelivery, deliver } from './deliver.ts';
export { imageUrl, sbomStatement, SLSA_PROVENANCE, statementAbout } from './statements.ts';
export { outputsErrors } from './errors.ts';
export { writeLayout } from './write-layout.ts';
