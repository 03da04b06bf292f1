import type { Endpoint, PlaneAnswer, PlaneCallOptions, PlaneClient, PlanePage } from "./client.ts";
import { PlaneUnexpectedError } from "./errors.ts";

/** Requests a list page by page, each page only when the iteration reaches it. */
export async function* fetchPages<R>(
  call: PlaneClient["call"],
  endpoint: Endpoint<PlanePage<R>>,
  options: PlaneCallOptions = {},
): AsyncGenerator<PlaneAnswer<PlanePage<R>>, void> {
  const usedCursors = new Set<string>();
  let query = options.query ?? {};
  for (;;) {
    const page = await call(endpoint, { ...options, query });
    yield page;
    const { next_page_results: more, next_cursor: cursor } = page.data;
    if (!more) return;
    if (usedCursors.has(cursor)) throw createCursorLoopError(endpoint.operation);
    usedCursors.add(cursor);
    query = { ...query, cursor };
  }
}

function createCursorLoopError(operation: string) {
  return new PlaneUnexpectedError({ operation }, `Plane's list ${operation} repeats a page that was already read.`);
}
