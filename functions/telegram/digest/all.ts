import type { Deps } from "../../../shared/deps.ts";
import type { Row, SetName } from "../../../shared/store/port.ts";

/** All of a set, read a page of the store at a time. */
export async function all<T>({ store }: Pick<Deps, "store">, set: SetName): Promise<Row<T>[]> {
  const rows: Row<T>[] = [];
  let after: string | undefined;
  do {
    const page = await store.scan<T>(set, after, 1000);
    rows.push(...page.rows);
    after = page.next;
  } while (after !== undefined);
  return rows;
}
