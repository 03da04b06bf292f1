import type { Answer, CallOptions, Endpoint, Listed, PlaneClient } from "./client.ts";
import { PlaneUnexpectedError } from "./errors.ts";

/** Asks for a list page by page, each only when it is wanted. */
export async function* pagesOf<R>(
  call: PlaneClient["call"],
  endpoint: Endpoint<Listed<R>>,
  asked: CallOptions = {},
): AsyncGenerator<Answer<Listed<R>>, void> {
  const seen = new Set<string>();
  let query = asked.query ?? {};
  for (;;) {
    const page = await call(endpoint, { ...asked, query });
    yield page;
    const { next_page_results: more, next_cursor: cursor } = page.data;
    if (!more) return;
    if (seen.has(cursor)) throw circular(endpoint.operation);
    seen.add(cursor);
    query = { ...query, cursor };
  }
}

function circular(operation: string) {
  return new PlaneUnexpectedError({ operation }, `Plane's list ${operation} leads back to a page already read.`);
}
