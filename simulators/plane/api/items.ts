import { createFieldError, createForbiddenError, createNotFoundError, PlaneApiError } from "../api-error.ts";
import {
  type EndpointCall,
  getReader,
  mountEndpoint,
  type PlaneApp,
  respondCreated,
  respondNoContent,
  respondOk,
} from "../endpoint.ts";
import {
  beginEdit,
  createExternalIdConflict,
  createItem,
  deleteItem,
  findItemByExternalId,
  getItem,
  isListed,
  listItems,
} from "../items.ts";
import { parseExpand, pickFields, renderPage } from "../pagination.ts";
import { parseItemWrite } from "../parse-item-write.ts";
import { findProjectMember, listProjects } from "../projects.ts";
import type { RateLimiter } from "../rate-limiter.ts";
import { renderItem } from "../render-item.ts";
import type { ItemRow } from "../rows.ts";
import type { PlaneWorld } from "../world.ts";
import {
  createApiKeyPolicy,
  getPathProject,
  getPathWorkspace,
  requireProjectMember,
  requireWorkspaceMember,
} from "./access.ts";
import { sortItems } from "./sort-items.ts";

/** Returns the item of the path, whether lists contain it or not. */
export function getPathItem(call: EndpointCall): ItemRow {
  const item = getItem(call.world, call.params["itemId"] ?? "");
  if (item.project !== getPathProject(call).id) throw createNotFoundError();
  return item;
}

const renderForCall = (call: EndpointCall, row: ItemRow) =>
  pickFields(renderItem(call.world, row, call.formatTime, parseExpand(call.query)), call.query);

/** Both names of work items in Plane's paths. */
export const ITEM_PATH_SEGMENTS = ["work-items", "issues"];

export function mountItemRoutes(app: PlaneApp, world: PlaneWorld, limiter: RateLimiter): void {
  const policy = createApiKeyPolicy(limiter, requireProjectMember);
  for (const segment of ITEM_PATH_SEGMENTS) {
    const root = `/api/v1/workspaces/:slug/projects/:projectId/${segment}/`;
    mountEndpoint(app, world, policy, root, { GET: handleList, POST: handleCreate });
    mountEndpoint(app, world, policy, `${root}:itemId/`, {
      GET: (call) => {
        const row = getPathItem(call);
        if (!isListed(world, row)) throw createNotFoundError();
        return respondOk(renderForCall(call, row));
      },
      PATCH: handleEdit,
      DELETE: (call) => {
        const row = getPathItem(call);
        const reader = getReader(call);
        if (row.created_by !== reader.id && findProjectMember(world, row.project, reader.id)?.role !== 20)
          throw new PlaneApiError(403, { error: "Only admin or creator can delete the work item" });
        deleteItem(world, row);
        return respondNoContent();
      },
    });
    const workspacePolicy = createApiKeyPolicy(limiter, requireWorkspaceMember);
    mountEndpoint(app, world, workspacePolicy, `/api/v1/workspaces/:slug/${segment}/search/`, { GET: handleSearch });
    mountEndpoint(app, world, workspacePolicy, `/api/v1/workspaces/:slug/${segment}/:key/`, { GET: handleGetByKey });
  }
}

function handleList(call: EndpointCall) {
  const { world, query } = call;
  const project = getPathProject(call);
  const [id, source] = [query.get("external_id"), query.get("external_source")];
  if (id && source) {
    const row = findItemByExternalId(world, project.id, source, id);
    if (!row) throw createNotFoundError();
    return respondOk(renderForCall(call, row));
  }
  const rows = listItems(world, project.id).filter((row) => isListed(world, row));
  const expand = parseExpand(query);
  return respondOk(
    renderPage(sortItems(world, rows, query.get("order_by") ?? "-created_at"), query, (row) =>
      renderItem(world, row, call.formatTime, expand),
    ),
  );
}

async function handleCreate(call: EndpointCall) {
  const project = getPathProject(call);
  const write = parseItemWrite(call.world, project.id, await call.json());
  const { name } = write;
  if (name === undefined) throw createFieldError("name", "This field is required.");
  const { row, first } = createItem(call.world, project, { ...write, name }, { actor: getReader(call).id, via: "api" });
  // Plane's answer contains the times of the first save; a later read has other times.
  return respondCreated(
    renderItem(call.world, { ...row, created_at: first.created_at, updated_at: first.updated_at }, call.formatTime),
  );
}

async function handleEdit(call: EndpointCall) {
  const { world } = call;
  const row = getPathItem(call);
  const body = await call.json();
  const write = parseItemWrite(world, row.project, body);
  const source = write.external_source ?? row.external_source;
  const isIdChanged = write.external_id && write.external_id !== row.external_id;
  // Plane answers with the id of the edited item, not of the item that already has the pair.
  if (isIdChanged && source && findItemByExternalId(world, row.project, source, write.external_id ?? ""))
    throw createExternalIdConflict(row.id);
  const finish = beginEdit(world, row, write, body, { actor: getReader(call).id, via: "api" });
  if (write.assignees || write.labels) await world.duringEdit?.(row.id);
  finish();
  return respondOk(renderItem(world, row, call.formatTime));
}

/** Handles a read by key, such as `ONB-2`, which Plane allows only to members of the project. */
function handleGetByKey(call: EndpointCall) {
  const { world } = call;
  const [, identifier, sequence] = /^(.+)-([^-]+)$/.exec(call.params["key"] ?? "") ?? [];
  const project = listProjects(world, getPathWorkspace(call).id).find((row) => row.identifier === identifier);
  if (!project || !findProjectMember(world, project.id, getReader(call).id)) throw createForbiddenError();
  const row = listItems(world, project.id).find((item) => String(item.sequence_id) === sequence);
  if (!row || !isListed(world, row)) throw createNotFoundError();
  return respondOk(renderForCall(call, row));
}

const MAX_FOUND = 10;

function handleSearch(call: EndpointCall) {
  const { world, query } = call;
  const term = (query.get("search") ?? "").toLowerCase();
  const workspace = getPathWorkspace(call);
  const projects = listProjects(world, workspace.id).filter(
    (project) =>
      findProjectMember(world, project.id, getReader(call).id) &&
      (query.get("workspace_search") === "true" || project.id === query.get("project_id")),
  );
  const found = projects.flatMap((project) =>
    listItems(world, project.id)
      .filter((row) => isListed(world, row) && term !== "")
      .filter((row) =>
        [row.name, String(row.sequence_id), project.identifier].some((text) => text.toLowerCase().includes(term)),
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
  return respondOk({ issues: found.slice(0, Number(query.get("limit") ?? MAX_FOUND)) });
}
