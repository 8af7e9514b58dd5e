import { convert, units } from "./_lib/convert";
import { h, page } from "./_lib/html";

function Choice({ name, chosen }: { name: string; chosen: string }) {
  return (
    <select name={name}>
      {units.map(({ unit, name }) => (
        <option value={unit} selected={unit === chosen}>{name}</option>
      ))}
    </select>
  );
}

export default {
  fetch(request: Request): Response {
    const query = new URL(request.url).searchParams;
    const value = query.get("value") ?? "1";
    const from = query.get("from") ?? "mi";
    const to = query.get("to") ?? "km";
    return page(
      <html lang="en">
        <title>Lengths</title>
        <form>
          <input name="value" value={value} /> <Choice name="from" chosen={from} />
          {" = "}
          <output>{convert(Number(value), from, to)}</output> <Choice name="to" chosen={to} />
          {" "}
          <button>Convert</button>
        </form>
      </html>,
    );
  },
};
