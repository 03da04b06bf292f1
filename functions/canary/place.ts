import { CANARY, type KeptCanary, readCanary } from "../../shared/canary/kept.ts";
import type { Deps } from "../../shared/deps.ts";
import { comments } from "../../shared/plane/comments.ts";
import { PlaneConflictError } from "../../shared/plane/errors.ts";
import { projects } from "../../shared/plane/projects.ts";
import { states } from "../../shared/plane/states-labels.ts";
import { workItems } from "../../shared/plane/work-items.ts";
import { labelCalled } from "../../shared/work/labels.ts";

/** Where the canary sits. */
export type Place = Pick<KeptCanary, "project" | "item" | "comment">;

type PlaceDeps = Pick<Deps, "store" | "plane" | "settings" | "cache" | "clock">;

/** How provision marks the first project it makes, which is ours. */
const FIRST = "provision:first-project";

const NAME = "Groundcrew checks Plane's webhooks here (please leave it)";
const ABOUT =
  "<p>Groundcrew edits the comment below every hour and looks whether Plane's webhook tells it. Nobody is notified, and no agent works on this.</p>";

/** Where it sits, made when it sits nowhere; undefined when there is no project for it: others' are left alone. */
export async function findPlace(deps: PlaceDeps): Promise<Place | undefined> {
  const kept = await readCanary(deps.store);
  const project = await projectOf(deps, kept?.project);
  if (project === undefined) return undefined;
  if (kept && kept.project === project) return { project, item: kept.item, comment: kept.comment };
  return makePlace(deps, project);
}

/** Without a setting the kept one stays, so an hour costs no request for it. */
async function projectOf({ plane, settings }: PlaceDeps, kept: string | undefined): Promise<string | undefined> {
  const wanted = settings.canary === false ? undefined : settings.canary?.project.toUpperCase();
  if (wanted === undefined && kept !== undefined) return kept;
  for await (const { data } of plane.pages(projects.list, {})) {
    const found = data.results.find(({ identifier, is_member, archived_at, ...external }) => {
      if (!is_member || archived_at !== null) return false;
      if (wanted !== undefined) return identifier.toUpperCase() === wanted;
      return external.external_source === CANARY.external_source && external.external_id === FIRST;
    });
    if (found) return found.id;
  }
  return undefined;
}

/** The item and its comment; those that are there already are known by their external id. */
export async function makePlace(deps: PlaceDeps, project: string): Promise<Place> {
  const item = await itemIn(deps, project);
  const comment = await made(() =>
    deps.plane.call(comments.create, { params: { project, item }, json: { comment_html: "<p>…</p>", ...CANARY } }),
  );
  return { project, item, comment };
}

async function itemIn(deps: PlaceDeps, project: string): Promise<string> {
  const state = await restingState(deps, project);
  const label = await labelCalled(deps, project, "groundcrew");
  const json = { name: NAME, description_html: ABOUT, labels: [label], ...(state && { state }), ...CANARY };
  return made(() => deps.plane.call(workItems.create, { params: { project }, json }));
}

/** A cancelled item is in nobody's way, on no board of open work and in no cycle's count. */
async function restingState({ plane }: PlaceDeps, project: string): Promise<string | undefined> {
  for await (const { data } of plane.pages(states.list, { params: { project } })) {
    const found =
      data.results.find(({ group }) => group === "cancelled") ??
      data.results.find(({ group }) => group === "completed");
    if (found) return found.id;
  }
  return undefined;
}

async function made(create: () => Promise<{ data: { id: string } }>): Promise<string> {
  try {
    return (await create()).data.id;
  } catch (thrown) {
    if (!(thrown instanceof PlaneConflictError) || thrown.id === undefined) throw thrown;
    return thrown.id;
  }
}
