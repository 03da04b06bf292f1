import { GroundcrewError } from "../../../shared/errors.ts";
import { OUR_SOURCE } from "../../../shared/observe/comments.ts";
import type { PlaneClient } from "../../../shared/plane/client.ts";
import { PlaneConflictError } from "../../../shared/plane/errors.ts";
import { type ProjectFeatures, projectFeatures } from "../../../shared/plane/project-features.ts";
import type { Context } from "../context.ts";
import { type Decision, step } from "../step.ts";
import { unread } from "../unread.ts";
import { needed, ownClient } from "./reading.ts";

/** By this a later run knows the project again, whatever people call it by then. */
const MARK = { external_source: OUR_SOURCE, external_id: "provision:first-project" } as const;

/** Work items are always on; besides them, only cycles and modules. */
const FEATURES = {
  cycle_view: true,
  module_view: true,
  issue_views_view: false,
  page_view: false,
  intake_view: false,
} as const;
const names = Object.keys(FEATURES) as (keyof typeof FEATURES)[];

/** The first project: `idle` when nothing is to be put into it, `coming` as long as it is not made. */
export async function ourProject(context: Context) {
  if (context.settings.project === false) return { kind: "idle" as const };
  const client = await ownClient(context);
  const { project } = await listed(context);
  if (!client || !project) return { kind: "coming" as const };
  if (project.archived_at) return { kind: "idle" as const };
  return { kind: "there" as const, client, params: { project: project.id } };
}

/** For what is done to the project, which the steps before have made. */
export function thereOf(found: Awaited<ReturnType<typeof ourProject>>) {
  return needed(found.kind === "there" ? found : undefined, "The project");
}

function listed(context: Context) {
  return context.once("projects", async () => {
    const client = await ownClient(context);
    const all: ProjectFeatures[] = [];
    for await (const { data } of client?.pages(projectFeatures.list) ?? []) all.push(...data.results);
    const isOurs = (one: ProjectFeatures) =>
      one.external_source === MARK.external_source && one.external_id === MARK.external_id;
    return { all, project: all.find(isOurs) };
  });
}

/** The first project, with only cycles and modules switched on. What others have made is left alone. */
export const project = step({
  name: "project",
  needs: ["groundcrew's API key"],
  async look(context) {
    const { project: wanted } = context.settings;
    if (wanted === false) return { kind: "not wanted" as const };
    const { all, project: found } = await listed(context);
    const fold = (text: string) => text.toLowerCase();
    const taken = all.find(
      ({ name, identifier }) => fold(name) === fold(wanted.name) || identifier === wanted.identifier,
    );
    if (!found && taken) throw notOurs(`${taken.name} (${taken.identifier})`);
    return { kind: "wanted" as const, found };
  },
  decide(seen, { project: wanted }): Decision {
    if (seen.kind === "not wanted" || wanted === false) return { actions: [], note: "none is wanted" };
    const { found } = seen;
    if (!found)
      return {
        actions: [{ is: "created", detail: `${wanted.name} (${wanted.identifier}), with cycles and modules only` }],
      };
    const called = `${found.name} (${found.identifier})`;
    if (found.archived_at) return { actions: [], note: `${called} is archived: left as it is` };
    const wrong = names.filter((name) => found[name] !== FEATURES[name]);
    if (wrong.length === 0) return { actions: [], note: called };
    const told = wrong.map(
      (name) => `${name.replace(/_view$/, "").replace("_", " ")} ${FEATURES[name] ? "on" : "off"}`,
    );
    return { actions: [{ is: "changed", detail: `${called}: ${told.join(", ")}` }] };
  },
  async act(context, action, seen) {
    const client = needed(await ownClient(context), "Groundcrew's API key");
    const { project: wanted } = context.settings;
    if (wanted === false || seen.kind === "not wanted") return;
    const made =
      action.is === "created"
        ? await create(context, client, { ...wanted, ...MARK })
        : needed(seen.found, "The project");
    // Plane switches pages on by itself, whatever a create says.
    await client.call(unread(projectFeatures.update), { params: { project: made.id }, json: FEATURES });
  },
});

async function create(
  context: Context,
  client: PlaneClient,
  json: { name: string; identifier: string },
): Promise<{ id: string }> {
  try {
    return (await client.call(projectFeatures.create, { json })).data;
  } catch (thrown) {
    if (!(thrown instanceof PlaneConflictError)) throw thrown;
    // The first try may have been done and not answered.
    context.forget();
    const { project: made } = await listed(context);
    if (made) return made;
    // A secret project of others is in no list of ours, and a deleted one keeps its identifier for a while.
    throw notOurs(`${json.name} or with the identifier ${json.identifier}, perhaps a secret or a deleted one,`);
  }
}

function notOurs(called: string): GroundcrewError {
  return new GroundcrewError(
    "conflict",
    `There is a project ${called} that provision did not make: it is left alone. Choose another name and identifier in GROUNDCREW_CONFIG (provision.project), or false for none.`,
  );
}
