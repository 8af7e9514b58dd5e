import table from "./units.json";

export type Unit = keyof typeof table;

/** Why a conversion is not possible. */
export enum Problem {
  Number = "value is not a number",
  Unit = "no such unit",
}

export const units = Object.entries(table).map(([unit, { name }]) => ({ unit, name }));

const isUnit = (text: string): text is Unit => Object.hasOwn(table, text);

/** From one unit of length to another. */
export function convert(value: number, from: string, to: string): number | Problem {
  if (!Number.isFinite(value)) return Problem.Number;
  if (!isUnit(from) || !isUnit(to)) return Problem.Unit;
  return (value * table[from].metres) / table[to].metres;
}
