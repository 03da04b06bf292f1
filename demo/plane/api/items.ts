import { type Call, created, empty, endpoint, ok, type Site } from "../endpoint.ts";
import { readItemWrite } from "../item-body.ts";
import { showItem } from "../item-show.ts";
import {
  beginEdit,
  createItem,
  deleteItem,
  externalTaken,
  isListed,
  itemByExternal,
  itemOf,
  itemsOf,
} from "../items.ts";
import type { Limiter } from "../limits.ts";
import { expandOf, page, pick } from "../page.ts";
import { projectMemberOf, projectsOf } from "../projects.ts";
import { forbidden, invalid, notFound, Refusal } from "../refusal.ts";
import type { ItemRow } from "../rows.ts";
import type { World } from "../world.ts";
import { keyDoor, projectIn, projectMembersOnly, readerOf, workspaceMembers, workspaceOf } from "./door.ts";
import { ordered } from "./order.ts";

/** The item of the path, whether listed or not. */
export function itemIn(call: Call): ItemRow {
  const item = itemOf(call.world, call.params["itemId"] ?? "");
  if (item.project !== projectIn(call).id) throw notFound();
  return item;
}

const show = (call: Call, row: ItemRow) => pick(showItem(call.world, row, call.at, expandOf(call.query)), call.query);

/** Both names Plane has for a work item in paths. */
export const ITEM_WORDS = ["work-items", "issues"];

export function itemRoutes(app: Site, world: World, limiter: Limiter): void {
  const door = keyDoor(limiter, projectMembersOnly);
  for (const word of ITEM_WORDS) {
    const root = `/api/v1/workspaces/:slug/projects/:projectId/${word}/`;
    endpoint(app, world, door, root, { GET: list, POST: create });
    endpoint(app, world, door, `${root}:itemId/`, {
      GET: (call) => {
        const row = itemIn(call);
        if (!isListed(world, row)) throw notFound();
        return ok(show(call, row));
      },
      PATCH: edit,
      DELETE: (call) => {
        const row = itemIn(call);
        const reader = readerOf(call);
        if (row.created_by !== reader.id && projectMemberOf(world, row.project, reader.id)?.role !== 20)
          throw new Refusal(403, { error: "Only admin or creator can delete the work item" });
        deleteItem(world, row);
        return empty();
      },
    });
    const everywhere = keyDoor(limiter, workspaceMembers);
    endpoint(app, world, everywhere, `/api/v1/workspaces/:slug/${word}/search/`, { GET: search });
    endpoint(app, world, everywhere, `/api/v1/workspaces/:slug/${word}/:key/`, { GET: byKey });
  }
}

function list(call: Call) {
  const { world, query } = call;
  const project = projectIn(call);
  const [id, source] = [query.get("external_id"), query.get("external_source")];
  if (id && source) {
    const row = itemByExternal(world, project.id, source, id);
    if (!row) throw notFound();
    return ok(show(call, row));
  }
  const rows = itemsOf(world, project.id).filter((row) => isListed(world, row));
  const expand = expandOf(query);
  return ok(
    page(ordered(world, rows, query.get("order_by") ?? "-created_at"), query, (row) =>
      showItem(world, row, call.at, expand),
    ),
  );
}

async function create(call: Call) {
  const project = projectIn(call);
  const write = readItemWrite(call.world, project.id, await call.json());
  const { name } = write;
  if (name === undefined) throw invalid("name", "This field is required.");
  const { row, first } = createItem(call.world, project, { ...write, name }, { actor: readerOf(call).id, via: "api" });
  // What was saved first is what the answer tells; read again, its times are later.
  return created(showItem(call.world, { ...row, created_at: first.created_at, updated_at: first.updated_at }, call.at));
}

async function edit(call: Call) {
  const { world } = call;
  const row = itemIn(call);
  const body = await call.json();
  const write = readItemWrite(world, row.project, body);
  const source = write.external_source ?? row.external_source;
  const changed = write.external_id && write.external_id !== row.external_id;
  // Plane answers with the id of the one that was to be changed, not of the one that has the pair.
  if (changed && source && itemByExternal(world, row.project, source, write.external_id ?? ""))
    throw externalTaken(row.id);
  const finish = beginEdit(world, row, write, body, { actor: readerOf(call).id, via: "api" });
  if (write.assignees || write.labels) await world.duringEdit?.(row.id);
  finish();
  return ok(showItem(world, row, call.at));
}

/** `ONB-2`, only for members of that project. */
function byKey(call: Call) {
  const { world } = call;
  const [, identifier, sequence] = /^(.+)-([^-]+)$/.exec(call.params["key"] ?? "") ?? [];
  const project = projectsOf(world, workspaceOf(call).id).find((row) => row.identifier === identifier);
  if (!project || !projectMemberOf(world, project.id, readerOf(call).id)) throw forbidden();
  const row = itemsOf(world, project.id).find((each) => String(each.sequence_id) === sequence);
  if (!row || !isListed(world, row)) throw notFound();
  return ok(show(call, row));
}

const MOST_FOUND = 10;

function search(call: Call) {
  const { world, query } = call;
  const wanted = (query.get("search") ?? "").toLowerCase();
  const workspace = workspaceOf(call);
  const mine = projectsOf(world, workspace.id).filter(
    (project) =>
      projectMemberOf(world, project.id, readerOf(call).id) &&
      (query.get("workspace_search") === "true" || project.id === query.get("project_id")),
  );
  const found = mine.flatMap((project) =>
    itemsOf(world, project.id)
      .filter((row) => isListed(world, row) && wanted !== "")
      .filter((row) =>
        [row.name, String(row.sequence_id), project.identifier].some((each) => each.toLowerCase().includes(wanted)),
      )
      .map((row) => ({
        name: row.name,
        id: row.id,
        sequence_id: row.sequence_id,
        project__identifier: project.identifier,
        project_id: project.id,
        workspace__slug: workspace.slug,
      })),
  );
  return ok({ issues: found.slice(0, Number(query.get("limit") ?? MOST_FOUND)) });
}
