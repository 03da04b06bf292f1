import { CANARY, type KeptCanary, readCanary } from "../../shared/canary/kept.ts";
import type { Deps } from "../../shared/deps.ts";
import { comments } from "../../shared/plane/comments.ts";
import {
  PlaneAuthError,
  PlaneConflictError,
  type PlaneError,
  PlaneInvalidError,
  PlaneNotFoundError,
} from "../../shared/plane/errors.ts";
import { projects } from "../../shared/plane/projects.ts";
import { states } from "../../shared/plane/states-labels.ts";
import { workItems } from "../../shared/plane/work-items.ts";
import { labelCalled } from "../../shared/work/labels.ts";

/** Where the canary sits. */
export type Place = Pick<KeptCanary, "project" | "item" | "comment">;

/** A place, or why there is none, for the log. */
export type Found = { place: Place } | { nowhere: string };

type PlaceDeps = Pick<Deps, "store" | "plane" | "settings" | "cache" | "clock">;

/** How Plane knows an item and its comment again. */
type Pair = Readonly<Record<keyof typeof CANARY, string>>;

/** How provision marks the first project it makes, which is ours. */
const FIRST = "provision:first-project";

const NAME = "Groundcrew checks Plane's webhooks here (please leave it)";
const ABOUT =
  "<p>Groundcrew edits the comment below every hour and looks whether Plane's webhook tells it. Nobody is notified, and no agent works on this.</p>";

/** Where it sat last, when that is where it should; without a setting it stays, so an hour costs no request for it. */
export async function keptPlace(deps: PlaceDeps): Promise<Place | undefined> {
  const kept = await readCanary(deps.store);
  if (!kept) return undefined;
  const { project, item, comment } = kept;
  if (wantedIn(deps) !== undefined && (await projectOf(deps)) !== project) return undefined;
  return { project, item, comment };
}

/** The item and comment with this pair, made when there are none; nowhere without a project: others' are left alone. */
export async function findPlace(deps: PlaceDeps, pair: Pair): Promise<Found> {
  const project = await projectOf(deps);
  if (project === undefined) return { nowhere: await whyNowhere(deps) };
  try {
    return { place: await makePlace(deps, project, pair) };
  } catch (thrown) {
    if (!isRefused(thrown)) throw thrown;
    return { nowhere: `Plane lets us make none: ${thrown.message}` };
  }
}

/**
 * Whether Plane answered that here is nothing to write to: gone, archived, closed to us. Not a wrong key, a spent quota
 * or no answer: with these no other place is better.
 */
export function isRefused(thrown: unknown): thrown is PlaneError {
  if (thrown instanceof PlaneAuthError) return thrown.reason === "permission";
  return (
    thrown instanceof PlaneNotFoundError || thrown instanceof PlaneInvalidError || thrown instanceof PlaneConflictError
  );
}

function wantedIn({ settings }: PlaceDeps): string | undefined {
  return settings.canary === false ? undefined : settings.canary?.project.toUpperCase();
}

async function whyNowhere(deps: PlaceDeps): Promise<string> {
  const wanted = wantedIn(deps);
  if (wanted !== undefined) return `there is no open project ${wanted} with us as a member`;
  if (await readCanary(deps.store))
    return "its project is deleted, archived or closed to us; canary.project can name another";
  return "provision has made no project, and canary.project names none";
}

async function projectOf(deps: PlaceDeps): Promise<string | undefined> {
  const wanted = wantedIn(deps);
  for await (const { data } of deps.plane.pages(projects.list, {})) {
    const found = data.results.find(({ identifier, is_member, archived_at, ...external }) => {
      if (!is_member || archived_at !== null) return false;
      if (wanted !== undefined) return identifier.toUpperCase() === wanted;
      return external.external_source === CANARY.external_source && external.external_id === FIRST;
    });
    if (found) return found.id;
  }
  return undefined;
}

/** Those that are there already are known by their pair, also when people have archived the item. */
async function makePlace(deps: PlaceDeps, project: string, pair: Pair): Promise<Place> {
  const item = await itemIn(deps, project, pair);
  const comment = await made(() =>
    deps.plane.call(comments.create, { params: { project, item }, json: { comment_html: "<p>…</p>", ...pair } }),
  );
  return { project, item, comment };
}

async function itemIn(deps: PlaceDeps, project: string, pair: Pair): Promise<string> {
  const state = await restingState(deps, project);
  const label = await labelCalled(deps, project, "groundcrew");
  const json = { name: NAME, description_html: ABOUT, labels: [label], ...(state && { state }), ...pair };
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
