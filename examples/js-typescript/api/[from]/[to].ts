import { convert, Problem } from "../../_lib/convert";

interface Context {
  params: { from: string; to: string };
}

const statuses: Record<Problem, number> = { [Problem.Number]: 400, [Problem.Unit]: 404 };

// A function alone is a worker too.
export default function answer(request: Request, _env: unknown, { params }: Context): Response {
  const value = Number(new URL(request.url).searchParams.get("value") ?? 1);
  const result = convert(value, params.from, params.to);
  if (typeof result !== "number") {
    return Response.json({ error: result }, { status: statuses[result] });
  }
  return Response.json({ ...params, value, result });
}
