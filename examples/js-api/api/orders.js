// POST /api/orders {"items": [{"id": "tea", "count": 2}]}
import { byId, problem } from "../_lib/products.js";

export default {
  async fetch(request, env) {
    if (request.method !== "POST") {
      return Response.json({ error: "only POST" }, { status: 405, headers: { allow: "POST" } });
    }
    let order;
    try {
      order = await request.json();
    } catch {
      return problem(400, "the body is not JSON");
    }
    const wrong = check(order, Number(env.MAX_COUNT));
    if (wrong) return problem(422, wrong);

    const cents = order.items.reduce((sum, { id, count }) => sum + count * byId.get(id).cents, 0);
    const total = `${(cents / 100).toFixed(2)} ${env.CURRENCY}`;
    return Response.json({ order: crypto.randomUUID(), total }, { status: 201 });
  },
};

function check(order, maxCount) {
  if (!Array.isArray(order?.items) || order.items.length === 0) return "items: one at least";
  for (const [at, item] of order.items.entries()) {
    if (!byId.has(item?.id)) return `items[${at}].id: no such product`;
    if (!Number.isInteger(item.count) || item.count < 1 || item.count > maxCount) {
      return `items[${at}].count: a whole number from 1 to ${maxCount}`;
    }
  }
  return undefined;
}
