import { PlaneApiError } from "./api-error.ts";
import { getProject } from "./projects.ts";
import { renderAuthorColumns, renderBaseColumns, type TimeFormatter } from "./render-row.ts";
import type { ItemRow, JsonObject, LinkRow } from "./rows.ts";
import type { Id } from "./types.ts";
import { createRow, enqueueTasks, getEpoch, type PlaneWorld, sortNewestFirst } from "./world.ts";

export function createLink(world: PlaneWorld, item: ItemRow, url: string, title: string | null, actor: Id): LinkRow {
  if (listLinks(world, item.id).some((row) => row.url === url))
    throw new PlaneApiError(400, { error: "URL already exists for this Issue" });
  const row: LinkRow = {
    ...createRow(world, actor),
    updated_by: actor,
    project: item.project,
    issue: item.id,
    url,
    title,
    metadata: {},
  };
  world.data.links.set(row.id, row);
  const rows = [{ verb: "created", field: "link", comment: "created a link", new_value: url }];
  enqueueTasks(
    world,
    { kind: "crawl", link: row.id },
    { kind: "activity", item: item.id, actor, epoch: getEpoch(world), rows },
  );
  return row;
}

/** Runs the worker's task: stores the page's metadata. Plane saves the link without an author here. */
export function writeLinkMetadata(world: PlaneWorld, id: Id): void {
  const row = world.data.links.get(id);
  if (!row) return;
  row.metadata = { url: row.url, title: null, favicon: "data:image/svg+xml;base64,", favicon_url: null };
  row.created_by = null;
  row.updated_by = null;
  row.updated_at = world.stamp();
}

export const listLinks = (world: PlaneWorld, item: Id): LinkRow[] =>
  sortNewestFirst([...world.data.links.values()].filter((row) => row.issue === item));

export const renderLink = (world: PlaneWorld, row: LinkRow, formatTime: TimeFormatter): JsonObject => ({
  ...renderBaseColumns(row, formatTime),
  title: row.title,
  url: row.url,
  metadata: row.metadata,
  ...renderAuthorColumns(row),
  project: row.project,
  workspace: getProject(world, row.project).workspace,
  issue: row.issue,
});
