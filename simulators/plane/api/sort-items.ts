import { PlaneApiError } from "../api-error.ts";
import { compareNullsLast } from "../pagination.ts";
import type { ItemRow, Json } from "../rows.ts";
import type { PlaneWorld } from "../world.ts";

const PRIORITY_ORDER = ["urgent", "high", "medium", "low", "none"];
const GROUP_ORDER = ["backlog", "unstarted", "started", "completed", "cancelled"];

const COLUMNS: Record<string, (row: ItemRow, world: PlaneWorld) => Json> = {
  created_at: (row) => row.created_at,
  updated_at: (row) => row.updated_at,
  completed_at: (row) => row.completed_at,
  name: (row) => row.name,
  sequence_id: (row) => row.sequence_id,
  sort_order: (row) => row.sort_order,
  start_date: (row) => row.start_date,
  target_date: (row) => row.target_date,
  id: (row) => row.id,
  priority: (row) => PRIORITY_ORDER.indexOf(row.priority),
  state__name: (row, world) => GROUP_ORDER.indexOf(world.data.states.get(row.state)?.group ?? ""),
  state__group: (row, world) => GROUP_ORDER.indexOf(world.data.states.get(row.state)?.group ?? ""),
};

/** Sorts by Plane's `order_by`: a column's name, with a minus for descending. Equal items are sorted newest first. */
export function sortItems(world: PlaneWorld, rows: readonly ItemRow[], by: string): ItemRow[] {
  const isDescending = by.startsWith("-");
  const column = COLUMNS[isDescending ? by.slice(1) : by];
  // Plane does not catch the database error for an unknown column.
  if (!column) throw new PlaneApiError(500, { error: "Something went wrong please try again later" });
  return [...rows].sort((a, b) => {
    const order = compareNullsLast(column(a, world), column(b, world));
    return (isDescending ? -order : order) || b.created_at - a.created_at;
  });
}
