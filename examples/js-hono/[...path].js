// One app answers all paths: it has a method `fetch`, as wws wants it.
import { Hono } from "hono";
import { HTTPException } from "hono/http-exception";
import { requestId } from "hono/request-id";

const app = new Hono();

app.use(requestId());

app.use(async (c, next) => {
  await next();
  console.log(`${c.req.method} ${c.req.path} ${c.res.status}`);
});

app.get("/", (c) => c.html("<h1>Hello from Hono</h1>"));

app.get("/users/:id", (c) => c.json({ id: c.req.param("id"), page: c.req.query("page") ?? "1" }));

app.post("/users", async (c) => {
  const { name } = await c.req.json().catch(() => ({}));
  if (typeof name !== "string" || name === "") {
    throw new HTTPException(400, { message: "name is missing" });
  }
  return c.json({ name }, 201);
});

app.notFound((c) => c.json({ error: `nothing at ${c.req.path}` }, 404));

app.onError((error, c) => {
  const status = error instanceof HTTPException ? error.status : 500;
  return c.json({ error: error.message }, status);
});

export default app;
