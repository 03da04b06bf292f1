import type { Endpoint, PlaneAnswer, PlaneCallOptions, PlaneClient, PlanePage } from "./client.ts";
import { PlaneUnexpectedError } from "./errors.ts";

/**
 * Limit of the rows in one list: 1,000,000. Plane sends at most 1,000 rows a page (test/fixtures/plane-contract), so at
 * its default of 60 requests a minute such a list takes 17 minutes. The lists are those of one workspace, project or
 * task; the largest that is plausible, a project's work items, has some 100,000.
 */
const MAX_LIST_ROWS = 1_000_000;

/** Limit of the pages of one list: 10,000, the row limit in pages of 100 rows, the smallest that a poll requests. */
const MAX_LIST_PAGES = 10_000;

/**
 * Requests a list page by page, each page only when the iteration reaches it. Throws a PlaneUnexpectedError when the
 * list cannot end: a cursor is repeated, an empty page announces a further one, there are more than twice the rows that
 * the list counts (rows may move to a later page during the read), or a limit is reached. The pages before remain valid.
 */
export async function* fetchPages<R>(
  call: PlaneClient["call"],
  endpoint: Endpoint<PlanePage<R>>,
  options: PlaneCallOptions = {},
): AsyncGenerator<PlaneAnswer<PlanePage<R>>, void> {
  const usedCursors = new Set<string>();
  let query = options.query ?? {};
  let rowCount = 0;
  let largestPage = 0;
  for (;;) {
    const page = await call(endpoint, { ...options, query });
    yield page;
    const { results, total_count: total, next_page_results: more, next_cursor: cursor } = page.data;
    if (!more) return;
    rowCount += results.length;
    largestPage = Math.max(largestPage, results.length);
    const problem = usedCursors.has(cursor)
      ? "repeats a page that was already read"
      : findEndlessness({ pageRows: results.length, rowCount, largestPage, total, pageCount: usedCursors.size + 1 });
    if (problem) throw createListError(endpoint.operation, problem);
    usedCursors.add(cursor);
    query = { ...query, cursor };
  }
}

interface ListProgress {
  pageRows: number;
  rowCount: number;
  largestPage: number;
  total: number;
  pageCount: number;
}

/** Why a list that announces a further page cannot end; undefined when it can. */
function findEndlessness({ pageRows, rowCount, largestPage, total, pageCount }: ListProgress): string | undefined {
  if (pageRows === 0) return "announces a further page after an empty one";
  if (rowCount > 2 * total + largestPage) return `has sent ${rowCount} rows although it counts ${total}`;
  if (rowCount >= MAX_LIST_ROWS) return `does not end after ${rowCount} rows`;
  if (pageCount >= MAX_LIST_PAGES) return `does not end after ${pageCount} pages`;
  return undefined;
}

function createListError(operation: string, problem: string) {
  return new PlaneUnexpectedError(
    { operation },
    `Plane's list ${operation} ${problem}; the read was ended. If this persists, check Plane and the proxies in front of it.`,
  );
}
