import { createCycle, cycleOf, cyclesOf, editCycle, showCycle } from "../cycles.ts";
import { type Call, created, empty, endpoint, ok, type Site } from "../endpoint.ts";
import { showItem } from "../item-show.ts";
import { isListed } from "../items.ts";
import type { Limiter } from "../limits.ts";
import { itemsIn, putInto, showMembership, withCounts } from "../memberships.ts";
import { createModule, moduleOf, modulesOf, showModule } from "../modules.ts";
import { expandOf, page, pick } from "../page.ts";
import { invalid, notFound, Refusal } from "../refusal.ts";
import type { CycleRow, ItemRow, Json, JsonObject, ModuleRow } from "../rows.ts";
import type { World } from "../world.ts";
import { keyDoor, projectIn, projectMembersOnly, readerOf } from "./door.ts";

function inProject<T extends { project: string }>(call: Call, row: T): T {
  if (row.project !== projectIn(call).id) throw notFound();
  return row;
}
const text = (value: Json | undefined): string | null => (typeof value === "string" ? value : null);
const nameIn = (body: JsonObject): string => {
  const name = text(body["name"])?.trim();
  if (name === undefined) throw invalid("name", "This field is required.");
  if (name === "") throw invalid("name", "This field may not be blank.");
  return name;
};

/** Which cycles `cycle_view` asks for; everything else asks for all. */
function viewed(world: World, rows: CycleRow[], view: string | null): CycleRow[] {
  const now = world.clock() * 1000;
  const begun = (row: CycleRow) => row.start_date !== null && row.start_date <= now;
  const over = (row: CycleRow) => row.end_date !== null && row.end_date < now;
  if (view === "current") return rows.filter((row) => begun(row) && row.end_date !== null && !over(row));
  if (view === "upcoming") return rows.filter((row) => row.start_date !== null && !begun(row));
  if (view === "completed") return rows.filter(over);
  if (view === "draft") return rows.filter((row) => row.start_date === null && row.end_date === null);
  return view === "incomplete" ? rows.filter((row) => !over(row)) : rows;
}

async function itemsAsked(call: Call): Promise<ItemRow[]> {
  const { issues } = await call.json();
  if (!Array.isArray(issues) || issues.length === 0) throw new Refusal(400, { error: "Issues are required" });
  const project = projectIn(call).id;
  return issues.flatMap((id) => {
    const item = typeof id === "string" ? call.world.data.items.get(id) : undefined;
    return item?.project === project ? [item] : [];
  });
}

export function cycleRoutes(app: Site, world: World, limiter: Limiter): void {
  const door = keyDoor(limiter, projectMembersOnly);
  const root = "/api/v1/workspaces/:slug/projects/:projectId/";
  const counted = (call: Call) => (row: CycleRow) => withCounts(world, showCycle(world, row, call.at), row.id);
  const cycleIn = (call: Call) => inProject(call, cycleOf(world, call.params["cycleId"] ?? ""));
  const moduleIn = (call: Call) => inProject(call, moduleOf(world, call.params["moduleId"] ?? ""));
  const contents = (row: (call: Call) => CycleRow | ModuleRow) => ({
    GET: (call: Call) => {
      const rows = itemsIn(world, row(call).id).filter((item) => isListed(world, item));
      return ok(page(rows, call.query, (item) => showItem(world, item, call.at, expandOf(call.query))));
    },
    POST: async (call: Call) => {
      const rows = putInto(world, row(call), await itemsAsked(call), readerOf(call).id);
      return ok(rows.map((each) => showMembership(world, each, call.at)));
    },
  });

  endpoint(app, world, door, `${root}cycles/`, {
    GET: (call) => {
      const view = call.query.get("cycle_view");
      const rows = viewed(world, cyclesOf(world, projectIn(call).id), view);
      // Only this view comes without a page around it.
      if (view === "current") return ok(rows.map((row) => pick(counted(call)(row), call.query)));
      return ok(page(rows, call.query, counted(call)));
    },
    POST: async (call) => {
      const body = await call.json();
      const cycle = {
        name: nameIn(body),
        description: text(body["description"]) ?? "",
        start_date: text(body["start_date"]),
        end_date: text(body["end_date"]),
        external_source: text(body["external_source"]),
        external_id: text(body["external_id"]),
      };
      return created(showCycle(world, createCycle(world, projectIn(call), cycle, readerOf(call).id), call.at));
    },
  });
  endpoint(app, world, door, `${root}cycles/:cycleId/`, {
    GET: (call) => ok(pick(counted(call)(cycleIn(call)), call.query)),
    PATCH: async (call) => {
      const row = cycleIn(call);
      editCycle(world, row, await call.json(), readerOf(call).id);
      return ok(showCycle(world, row, call.at));
    },
    DELETE: (call) => {
      const row = cycleIn(call);
      world.data.cycles.delete(row.id);
      for (const each of world.data.memberships.values())
        if (each.in === row.id) world.data.memberships.delete(each.id);
      return empty();
    },
  });
  endpoint(app, world, door, `${root}cycles/:cycleId/cycle-issues/`, contents(cycleIn));

  endpoint(app, world, door, `${root}modules/`, {
    GET: (call) =>
      ok(
        page(modulesOf(world, projectIn(call).id), call.query, (row) =>
          withCounts(world, showModule(world, row, call.at), row.id),
        ),
      ),
    POST: async (call) => {
      const body = await call.json();
      const module = {
        name: nameIn(body),
        description: text(body["description"]) ?? "",
        status: text(body["status"]) ?? "planned",
        start_date: text(body["start_date"]),
        target_date: text(body["target_date"]),
      };
      return created(showModule(world, createModule(world, projectIn(call), module, readerOf(call).id), call.at));
    },
  });
  endpoint(app, world, door, `${root}modules/:moduleId/module-issues/`, contents(moduleIn));
}
