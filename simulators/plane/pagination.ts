import { PlaneApiError } from "./api-error.ts";
import type { Json, JsonObject } from "./rows.ts";

const MAX_PER_PAGE = 1000;
const createPageError = (detail: string) => new PlaneApiError(400, { detail });

/** Renders one page of a list as Plane does. The query's `cursor` is `<per_page>:<page>:<1 for backwards>`. */
export function renderPage<T>(rows: readonly T[], query: URLSearchParams, render: (row: T) => JsonObject): JsonObject {
  const perPage = query.get("per_page");
  const limit = perPage === null ? MAX_PER_PAGE : Number(perPage);
  if (!Number.isInteger(limit) || perPage === "") throw createPageError("Invalid per_page parameter.");
  if (limit > MAX_PER_PAGE) throw createPageError(`Invalid per_page value. Cannot exceed ${MAX_PER_PAGE}.`);
  if (limit < 1) throw new PlaneApiError(500, { error: "Something went wrong please try again later" });
  const cursor = query.get("cursor") ?? `${limit}:0:0`;
  const [, number] = /^-?\d+(?:\.\d+)?:(-?\d+):-?\d+$/.exec(cursor) ?? [];
  if (number === undefined) throw createPageError("Invalid cursor parameter.");
  const index = Number(number);
  if (index < 0) throw createPageError("Error in parsing");
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
    results: results.map((row) => pickFields(render(row), query)),
  };
}

const parseList = (query: URLSearchParams, name: string): string[] =>
  (query.get(name) ?? "").split(",").filter((part) => part !== "");

/** Keeps only the fields that the query's `fields` names, in Plane's order. */
export function pickFields(rendered: JsonObject, query: URLSearchParams): JsonObject {
  const fields = parseList(query, "fields");
  if (fields.length === 0) return rendered;
  return Object.fromEntries(Object.entries(rendered).filter(([name]) => fields.includes(name)));
}

export const parseExpand = (query: URLSearchParams): string[] => parseList(query, "expand");

/** Compares like the database: by value, null last. */
export function compareNullsLast(a: Json, b: Json): number {
  if (a === b) return 0;
  if (a === null) return 1;
  if (b === null) return -1;
  return a < b ? -1 : 1;
}
