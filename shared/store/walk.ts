import type { Row, SetName, Store } from "./port.ts";

interface Scanned {
  store: Pick<Store, "scan">;
}

/** The pages of a set in key order, each read when it is wanted: of a large set only one is in the heap at a time. */
export async function* pages<T>({ store }: Scanned, set: SetName, size = 200): AsyncGenerator<Row<T>[], void> {
  let after: string | undefined;
  do {
    const page = await store.scan<T>(set, after, size);
    yield page.rows;
    after = page.next;
  } while (after !== undefined);
}

/** The rows of a set, one after another, read a page at a time. */
export async function* walk<T>(deps: Scanned, set: SetName): AsyncGenerator<Row<T>, void> {
  for await (const rows of pages<T>(deps, set)) yield* rows;
}

/** All of a set at once: for what is few. Work items are many, they are for `walk`. */
export async function all<T>(deps: Scanned, set: SetName): Promise<Row<T>[]> {
  const found: Row<T>[] = [];
  for await (const rows of pages<T>(deps, set, 1000)) found.push(...rows);
  return found;
}
