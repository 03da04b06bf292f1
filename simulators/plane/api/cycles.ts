import { createFieldError, createNotFoundError, PlaneApiError } from "../api-error.ts";
import { createCycle, editCycle, getCycle, listCycles, renderCycle } from "../cycles.ts";
import {
  type EndpointCall,
  getReader,
  mountEndpoint,
  type PlaneApp,
  respondCreated,
  respondNoContent,
  respondOk,
} from "../endpoint.ts";
import { isListed } from "../items.ts";
import { addItemCounts, addToGroup, listGroupItems, renderMembership } from "../memberships.ts";
import { createModule, getModule, listModules, renderModule } from "../modules.ts";
import { parseExpand, pickFields, renderPage } from "../pagination.ts";
import type { RateLimiter } from "../rate-limiter.ts";
import { renderItem } from "../render-item.ts";
import type { CycleRow, ItemRow, JsonObject, ModuleRow } from "../rows.ts";
import type { PlaneWorld } from "../world.ts";
import { createApiKeyPolicy, getPathProject, requireProjectMember } from "./access.ts";
import { toTextOrNull } from "./text-fields.ts";

function requireInProject<T extends { project: string }>(call: EndpointCall, row: T): T {
  if (row.project !== getPathProject(call).id) throw createNotFoundError();
  return row;
}
const parseName = (body: JsonObject): string => {
  const name = toTextOrNull(body["name"])?.trim();
  if (name === undefined) throw createFieldError("name", "This field is required.");
  if (name === "") throw createFieldError("name", "This field may not be blank.");
  return name;
};

/** Filters by `cycle_view`; any unknown value means all cycles. */
function filterByView(world: PlaneWorld, rows: CycleRow[], view: string | null): CycleRow[] {
  const now = world.clock() * 1000;
  const hasBegun = (row: CycleRow) => row.start_date !== null && row.start_date <= now;
  const isOver = (row: CycleRow) => row.end_date !== null && row.end_date < now;
  if (view === "current") return rows.filter((row) => hasBegun(row) && row.end_date !== null && !isOver(row));
  if (view === "upcoming") return rows.filter((row) => row.start_date !== null && !hasBegun(row));
  if (view === "completed") return rows.filter(isOver);
  if (view === "draft") return rows.filter((row) => row.start_date === null && row.end_date === null);
  return view === "incomplete" ? rows.filter((row) => !isOver(row)) : rows;
}

async function parseItems(call: EndpointCall): Promise<ItemRow[]> {
  const { issues } = await call.json();
  if (!Array.isArray(issues) || issues.length === 0) throw new PlaneApiError(400, { error: "Issues are required" });
  const project = getPathProject(call).id;
  return issues.flatMap((id) => {
    const item = typeof id === "string" ? call.world.data.items.get(id) : undefined;
    return item?.project === project ? [item] : [];
  });
}

export function mountCycleRoutes(app: PlaneApp, world: PlaneWorld, limiter: RateLimiter): void {
  const policy = createApiKeyPolicy(limiter, requireProjectMember);
  const root = "/api/v1/workspaces/:slug/projects/:projectId/";
  const renderWithCounts = (call: EndpointCall) => (row: CycleRow) =>
    addItemCounts(world, renderCycle(world, row, call.formatTime), row.id);
  const getPathCycle = (call: EndpointCall) => requireInProject(call, getCycle(world, call.params["cycleId"] ?? ""));
  const getPathModule = (call: EndpointCall) => requireInProject(call, getModule(world, call.params["moduleId"] ?? ""));
  const createContentMethods = (row: (call: EndpointCall) => CycleRow | ModuleRow) => ({
    GET: (call: EndpointCall) => {
      const rows = listGroupItems(world, row(call).id).filter((item) => isListed(world, item));
      return respondOk(
        renderPage(rows, call.query, (item) => renderItem(world, item, call.formatTime, parseExpand(call.query))),
      );
    },
    POST: async (call: EndpointCall) => {
      const rows = addToGroup(world, row(call), await parseItems(call), getReader(call).id);
      return respondOk(rows.map((membership) => renderMembership(world, membership, call.formatTime)));
    },
  });

  mountEndpoint(app, world, policy, `${root}cycles/`, {
    GET: (call) => {
      const view = call.query.get("cycle_view");
      const rows = filterByView(world, listCycles(world, getPathProject(call).id), view);
      // Plane returns a plain list, without pagination, only for this view.
      if (view === "current") return respondOk(rows.map((row) => pickFields(renderWithCounts(call)(row), call.query)));
      return respondOk(renderPage(rows, call.query, renderWithCounts(call)));
    },
    POST: async (call) => {
      const body = await call.json();
      const cycle = {
        name: parseName(body),
        description: toTextOrNull(body["description"]) ?? "",
        start_date: toTextOrNull(body["start_date"]),
        end_date: toTextOrNull(body["end_date"]),
        external_source: toTextOrNull(body["external_source"]),
        external_id: toTextOrNull(body["external_id"]),
      };
      return respondCreated(
        renderCycle(world, createCycle(world, getPathProject(call), cycle, getReader(call).id), call.formatTime),
      );
    },
  });
  mountEndpoint(app, world, policy, `${root}cycles/:cycleId/`, {
    GET: (call) => respondOk(pickFields(renderWithCounts(call)(getPathCycle(call)), call.query)),
    PATCH: async (call) => {
      const row = getPathCycle(call);
      editCycle(world, row, await call.json(), getReader(call).id);
      return respondOk(renderCycle(world, row, call.formatTime));
    },
    DELETE: (call) => {
      const row = getPathCycle(call);
      world.data.cycles.delete(row.id);
      for (const membership of world.data.memberships.values())
        if (membership.in === row.id) world.data.memberships.delete(membership.id);
      return respondNoContent();
    },
  });
  mountEndpoint(app, world, policy, `${root}cycles/:cycleId/cycle-issues/`, createContentMethods(getPathCycle));

  mountEndpoint(app, world, policy, `${root}modules/`, {
    GET: (call) =>
      respondOk(
        renderPage(listModules(world, getPathProject(call).id), call.query, (row) =>
          addItemCounts(world, renderModule(world, row, call.formatTime), row.id),
        ),
      ),
    POST: async (call) => {
      const body = await call.json();
      const module = {
        name: parseName(body),
        description: toTextOrNull(body["description"]) ?? "",
        status: toTextOrNull(body["status"]) ?? "planned",
        start_date: toTextOrNull(body["start_date"]),
        target_date: toTextOrNull(body["target_date"]),
      };
      return respondCreated(
        renderModule(world, createModule(world, getPathProject(call), module, getReader(call).id), call.formatTime),
      );
    },
  });
  mountEndpoint(app, world, policy, `${root}modules/:moduleId/module-issues/`, createContentMethods(getPathModule));
}
