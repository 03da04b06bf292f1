import type { Id } from "./types.ts";
import type { PlaneWorld } from "./world.ts";

type Rows = Omit<PlaneWorld["data"], "uploads" | "sessions" | "webhookLogs">;

/** The data of a simulated Plane as plain JSON: all rows by table, and the uploaded files. */
export interface PlaneWorldSnapshot {
  instance: Omit<PlaneWorld["instance"], "admins"> & { admins: Id[] };
  rows: { [Table in keyof Rows]: Rows[Table] extends Map<Id, infer Row> ? Row[] : never };
  /** The asset key and the content in base64 of each uploaded file. */
  uploads: [string, string][];
}

/** Fills an empty world with a saved snapshot. */
export function restoreWorld(world: PlaneWorld, { instance, rows, uploads }: PlaneWorldSnapshot): void {
  Object.assign(world.instance, instance, { admins: new Set(instance.admins) });
  for (const [table, saved] of Object.entries(rows)) {
    const target: Map<Id, unknown> = world.data[table as keyof Rows];
    for (const row of saved) target.set(row.id, row);
  }
  for (const [asset, base64] of uploads) world.data.uploads.set(asset, Uint8Array.from(atob(base64), toCharCode));
}

function toCharCode(character: string): number {
  return character.charCodeAt(0);
}
