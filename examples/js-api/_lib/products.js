// Names that begin with `_` are private: this answers no requests, but can be imported.
export const products = [
  { id: "tea", name: "Green tea", cents: 450 },
  { id: "cup", name: "Cup", cents: 1200 },
  { id: "pot", name: "Tea pot", cents: 3900 },
];

// Made once, when the site is bundled.
export const byId = new Map(products.map((product) => [product.id, product]));

export function problem(status, error) {
  return Response.json({ error }, { status });
}
