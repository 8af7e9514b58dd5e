// GET /api/products/tea
import { byId, problem } from "../../_lib/products.js";

export default {
  fetch(request) {
    const { id } = request.params;
    const product = byId.get(id);
    return product ? Response.json(product) : problem(404, `no product ${id}`);
  },
};
