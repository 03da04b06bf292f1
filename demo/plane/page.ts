import { Refusal } from "./refusal.ts";
import type { Json, JsonObject } from "./rows.ts";

const MOST = 1000;
const bad = (detail: string) => new Refusal(400, { detail });

/** Plane's page of a list: `cursor` is `<per_page>:<page>:<is it backwards>`. Shows only what is on the page. */
export function page<T>(rows: readonly T[], query: URLSearchParams, show: (row: T) => JsonObject): JsonObject {
  const asked = query.get("per_page");
  const limit = asked === null ? MOST : Number(asked);
  if (!Number.isInteger(limit) || asked === "") throw bad("Invalid per_page parameter.");
  if (limit > MOST) throw bad(`Invalid per_page value. Cannot exceed ${MOST}.`);
  if (limit < 1) throw new Refusal(500, { error: "Something went wrong please try again later" });
  const cursor = query.get("cursor") ?? `${limit}:0:0`;
  const [, number] = /^-?\d+(?:\.\d+)?:(-?\d+):-?\d+$/.exec(cursor) ?? [];
  if (number === undefined) throw bad("Invalid cursor parameter.");
  const index = Number(number);
  if (index < 0) throw bad("Error in parsing");
  const results = rows.slice(index * limit, (index + 1) * limit);
  return {
    grouped_by: null,
    sub_grouped_by: null,
    total_count: rows.length,
    next_cursor: `${limit}:${index + 1}:0`,
    prev_cursor: `${limit}:${index - 1}:1`,
    next_page_results: rows.length > (index + 1) * limit,
    prev_page_results: index > 0,
    count: results.length,
    total_pages: Math.ceil(rows.length / limit),
    total_results: rows.length,
    extra_stats: null,
    results: results.map((row) => pick(show(row), query)),
  };
}

const listOf = (query: URLSearchParams, name: string): string[] =>
  (query.get(name) ?? "").split(",").filter((each) => each !== "");

/** Only the asked `fields`, in Plane's order. */
export function pick(shown: JsonObject, query: URLSearchParams): JsonObject {
  const fields = listOf(query, "fields");
  if (fields.length === 0) return shown;
  return Object.fromEntries(Object.entries(shown).filter(([name]) => fields.includes(name)));
}

export const expandOf = (query: URLSearchParams): string[] => listOf(query, "expand");

/** Compares as the database does: null last, then by value. */
export function compare(a: Json, b: Json): number {
  if (a === b) return 0;
  if (a === null) return 1;
  if (b === null) return -1;
  return a < b ? -1 : 1;
}
