import type { SetName, Store, StoredRow } from "./port.ts";

interface ScanDeps {
  store: Pick<Store, "scan">;
}

/** Reads a set page by page, in key order, so that only one page of a large set is in memory at a time. */
export async function* scanPages<T>(
  { store }: ScanDeps,
  set: SetName,
  size = 200,
): AsyncGenerator<StoredRow<T>[], void> {
  let after: string | undefined;
  do {
    const page = await store.scan<T>(set, after, size);
    yield page.rows;
    after = page.next;
  } while (after !== undefined);
}

/** Reads the rows of a set one by one, loading one page at a time. */
export async function* scanRows<T>(deps: ScanDeps, set: SetName): AsyncGenerator<StoredRow<T>, void> {
  for await (const rows of scanPages<T>(deps, set)) yield* rows;
}

/** Reads all rows of a set at once. For small sets only: sets of work items must be read with `scanRows`. */
export async function readAllRows<T>(deps: ScanDeps, set: SetName): Promise<StoredRow<T>[]> {
  const all: StoredRow<T>[] = [];
  for await (const rows of scanPages<T>(deps, set, 1000)) all.push(...rows);
  return all;
}
