import { lstatSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { WorkspaceEntry } from "./workspace-entries.ts";

/** Lists a folder with what is in it, down to this depth, without following links. */
export function walkWorkspace(path: string, depth = 2): WorkspaceEntry[] {
  const stats = lstatSync(path);
  const kind = stats.isDirectory() ? "d" : stats.isSymbolicLink() ? "l" : "f";
  const entry = { owner: `${stats.uid}:${stats.gid}`, mode: stats.mode & 0o7777, kind, path };
  if (kind !== "d" || depth === 0) return [entry];
  return [entry, ...readdirSync(path).flatMap((name) => walkWorkspace(join(path, name), depth - 1))];
}
