import type { SetName, Store, StoredRow } from "./port.ts";

interface ScanDeps {
  store: Pick<Store, "scan">;
}

/** The pages of a set in key order, each read when it is wanted: of a large set only one is in the heap at a time. */
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

/** The rows of a set, one after another, read a page at a time. */
export async function* scanRows<T>(deps: ScanDeps, set: SetName): AsyncGenerator<StoredRow<T>, void> {
  for await (const rows of scanPages<T>(deps, set)) yield* rows;
}

/** All of a set at once: for what is few. Work items are many, they are for `walk`. */
export async function readAllRows<T>(deps: ScanDeps, set: SetName): Promise<StoredRow<T>[]> {
  const collected: StoredRow<T>[] = [];
  for await (const rows of scanPages<T>(deps, set, 1000)) collected.push(...rows);
  return collected;
}
