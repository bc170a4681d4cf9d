/** What the shop sells; prices in cents. */
export const catalogue = [
  { id: 'anchor', name: 'Anchor', price: 4900 },
  { id: 'compass', name: 'Compass', price: 2150 },
  { id: 'rope', name: 'Rope, 30 m', price: 1800 },
];

export const find = (id) => catalogue.find((item) => item.id === id);
