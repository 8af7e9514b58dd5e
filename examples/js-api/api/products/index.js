// GET /api/products?max=2000
import { problem, products } from "../../_lib/products.js";

export default {
  fetch(request) {
    if (request.method !== "GET") return problem(405, "only GET");
    const max = Number(new URL(request.url).searchParams.get("max") ?? Infinity);
    if (Number.isNaN(max)) return problem(400, "max is not a number");
    return Response.json(products.filter(({ cents }) => cents <= max));
  },
};
