import { cleanLine } from "../../clean-text.ts";
import { GroundcrewError } from "../../errors.ts";
import { sha256Hex } from "../../hashing/sha256-hex.ts";
import { GROUNDCREW_SOURCE } from "../../observe/comments.ts";
import type { KeptProject } from "../../observe/stored-records.ts";
import { omitUndefined } from "../../omit-undefined.ts";
import type { Endpoint, PlanePage } from "../../plane/client.ts";
import { cyclesApi, modulesApi } from "../../plane/cycles-modules.ts";
import { PlaneConflictError } from "../../plane/errors.ts";
import type { CallContext } from "../context/call-context.ts";

/** A cycle by its name. The dates are used when it is created: `YYYY-MM-DD`, both or neither. */
export interface CycleName {
  name: string;
  start_date?: string | undefined;
  end_date?: string | undefined;
}

/** What to do when there is no cycle or module with the name. */
type IfMissing = "create" | "refuse";

/** Limit of a name in characters, as in Plane. */
const MAX_NAME_LENGTH = 255;
/** Limit of names in a refusal. */
const MAX_NAMES = 20;

/**
 * Returns Plane's id of the project's cycle with this name, in any case. Uses Groundcrew's own key, outside of the
 * agent's pace. Throws `not_found` with the existing names when it may not be created.
 */
export async function getCycleId(
  context: CallContext,
  project: KeptProject,
  { name, start_date, end_date }: CycleName,
  ifMissing: IfMissing,
): Promise<string> {
  const existing = await findByName(context, project, "cycle", name, ifMissing);
  if (existing) return existing.id;
  const params = { project: project.id };
  const title = cleanLine(name, MAX_NAME_LENGTH);
  const external_id = `cycle:${(await sha256Hex(title.toLowerCase())).slice(0, 32)}`;
  const identity = { name: title, project_id: project.id, external_source: GROUNDCREW_SOURCE, external_id };
  const json = { ...identity, ...omitUndefined({ start_date, end_date }) };
  return returnExisting(async () => (await context.systemPlane.call(cyclesApi.create, { params, json })).data.id);
}

/** Does the same for a module. */
export async function getModuleId(
  context: CallContext,
  project: KeptProject,
  name: string,
  ifMissing: IfMissing,
): Promise<string> {
  const existing = await findByName(context, project, "module", name, ifMissing);
  if (existing) return existing.id;
  const params = { project: project.id };
  const json = { name: cleanLine(name, MAX_NAME_LENGTH) };
  return returnExisting(async () => (await context.systemPlane.call(modulesApi.create, { params, json })).data.id);
}

/** Adds work items to a cycle. An item that is in another cycle is moved; one that is in it already stays. */
export async function addItemsToCycle(
  { systemPlane }: CallContext,
  project: KeptProject,
  cycle: string,
  items: readonly string[],
): Promise<void> {
  await systemPlane.call(cyclesApi.addItems, { params: { project: project.id, cycle }, json: { issues: [...items] } });
}

/** Adds work items to a module. One that is in it already stays. */
export async function addItemsToModule(
  { systemPlane }: CallContext,
  project: KeptProject,
  module: string,
  items: readonly string[],
): Promise<void> {
  await systemPlane.call(modulesApi.addItems, {
    params: { project: project.id, module },
    json: { issues: [...items] },
  });
}

interface NamedGroup {
  id: string;
  name: string;
  archived_at: string | null;
}

async function findByName(
  context: CallContext,
  project: KeptProject,
  kind: "cycle" | "module",
  name: string,
  ifMissing: IfMissing,
): Promise<NamedGroup | undefined> {
  const endpoint: Endpoint<PlanePage<NamedGroup>> = kind === "cycle" ? cyclesApi.list : modulesApi.list;
  const wanted = cleanLine(name, MAX_NAME_LENGTH).toLowerCase();
  if (wanted === "") throw new GroundcrewError("bad_request", `The name of the ${kind} is empty.`);
  const names: string[] = [];
  for await (const { data } of context.systemPlane.pages(endpoint, { params: { project: project.id } })) {
    const listed = data.results.filter((group) => group.archived_at === null);
    const found = listed.find((group) => group.name.trim().toLowerCase() === wanted);
    if (found) return found;
    names.push(...listed.map((group) => cleanLine(group.name, 80)));
  }
  if (ifMissing === "create") return undefined;
  const existing = names.slice(0, MAX_NAMES).join(", ") || "none";
  throw new GroundcrewError(
    "not_found",
    `${project.identifier} has no ${kind} "${cleanLine(name, 80)}". Existing ones: ${existing}. plan_project creates new ones.`,
  );
}

/** Returns the id of the existing object when another call has created it meanwhile. */
async function returnExisting(create: () => Promise<string>): Promise<string> {
  try {
    return await create();
  } catch (thrown) {
    if (thrown instanceof PlaneConflictError && thrown.id !== undefined) return thrown.id;
    throw thrown;
  }
}
