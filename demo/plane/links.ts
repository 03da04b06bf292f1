import { projectOf } from "./projects.ts";
import { Refusal } from "./refusal.ts";
import type { ItemRow, JsonObject, LinkRow } from "./rows.ts";
import { type At, authors, opening } from "./show.ts";
import type { Id } from "./types.ts";
import { epochOf, later, newestFirst, newRow, type World } from "./world.ts";

export function createLink(world: World, item: ItemRow, url: string, title: string | null, actor: Id): LinkRow {
  if (linksOn(world, item.id).some((row) => row.url === url))
    throw new Refusal(400, { error: "URL already exists for this Issue" });
  const row: LinkRow = {
    ...newRow(world, actor),
    updated_by: actor,
    project: item.project,
    issue: item.id,
    url,
    title,
    metadata: {},
  };
  world.data.links.set(row.id, row);
  const rows = [{ verb: "created", field: "link", comment: "created a link", new_value: url }];
  later(
    world,
    { kind: "crawl", link: row.id },
    { kind: "activity", item: item.id, actor, epoch: epochOf(world), rows },
  );
  return row;
}

/** The worker looked at the page: it saves the link as nobody, which is how its author is lost. */
export function writeCrawled(world: World, id: Id): void {
  const row = world.data.links.get(id);
  if (!row) return;
  row.metadata = { url: row.url, title: null, favicon: "data:image/svg+xml;base64,", favicon_url: null };
  row.created_by = null;
  row.updated_by = null;
  row.updated_at = world.stamp();
}

export const linksOn = (world: World, item: Id): LinkRow[] =>
  newestFirst([...world.data.links.values()].filter((row) => row.issue === item));

export const showLink = (world: World, row: LinkRow, at: At): JsonObject => ({
  ...opening(row, at),
  title: row.title,
  url: row.url,
  metadata: row.metadata,
  ...authors(row),
  project: row.project,
  workspace: projectOf(world, row.project).workspace,
  issue: row.issue,
});
