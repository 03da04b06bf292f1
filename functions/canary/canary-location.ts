import type { Deps } from "../../shared/app/deps.ts";
import { CANARY_EXTERNAL_REF, type KeptCanary, readCanary } from "../../shared/canary/canary-record.ts";
import { getTexts } from "../../shared/i18n/texts/get-texts.ts";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import { commentsApi } from "../../shared/plane/comments.ts";
import {
  PlaneAuthError,
  PlaneConflictError,
  type PlaneError,
  PlaneInvalidError,
  PlaneNotFoundError,
} from "../../shared/plane/errors.ts";
import { projectsApi } from "../../shared/plane/projects.ts";
import { statesApi } from "../../shared/plane/states-labels.ts";
import { workItemsApi } from "../../shared/plane/work-items.ts";
import { getOrCreateLabel } from "../../shared/work/changes/project-labels.ts";

/** Where the canary sits. */
export type CanaryLocation = Pick<KeptCanary, "project" | "item" | "comment">;

/** A place, or why there is none, for the log. */
export type CanaryLocationResult = { place: CanaryLocation } | { nowhere: string };

type CanaryLocationDeps = Pick<Deps, "store" | "plane" | "settings" | "cache" | "clock">;

/** How Plane knows an item and its comment again. */
type ExternalRef = Readonly<Record<keyof typeof CANARY_EXTERNAL_REF, string>>;

/** How provision marks the first project it makes, which is ours. */
const FIRST_PROJECT_ID = "provision:first-project";

/** Where it sat last, when that is where it should; without a setting it stays, so an hour costs no request for it. */
export async function readCanaryLocation(deps: CanaryLocationDeps): Promise<CanaryLocation | undefined> {
  const kept = await readCanary(deps.store);
  if (!kept) return undefined;
  const { project, item, comment } = kept;
  if (getConfiguredProject(deps) !== undefined && (await findCanaryProject(deps)) !== project) return undefined;
  return { project, item, comment };
}

/** The item and comment with this pair, made when there are none; nowhere without a project: others' are left alone. */
export async function ensureCanaryLocation(
  deps: CanaryLocationDeps,
  externalRef: ExternalRef,
): Promise<CanaryLocationResult> {
  const project = await findCanaryProject(deps);
  if (project === undefined) return { nowhere: await explainMissingProject(deps) };
  try {
    return { place: await createCanaryLocation(deps, project, externalRef) };
  } catch (thrown) {
    if (!isPlaneRefusal(thrown)) throw thrown;
    return { nowhere: `Plane lets us make none: ${thrown.message}` };
  }
}

/**
 * Whether Plane answered that here is nothing to write to: gone, archived, closed to us. Not a wrong key, a spent quota
 * or no answer: with these no other place is better.
 */
export function isPlaneRefusal(thrown: unknown): thrown is PlaneError {
  if (thrown instanceof PlaneAuthError) return thrown.reason === "permission";
  return (
    thrown instanceof PlaneNotFoundError || thrown instanceof PlaneInvalidError || thrown instanceof PlaneConflictError
  );
}

function getConfiguredProject({ settings }: CanaryLocationDeps): string | undefined {
  return settings.canary === false ? undefined : settings.canary?.project.toUpperCase();
}

async function explainMissingProject(deps: CanaryLocationDeps): Promise<string> {
  const configuredProject = getConfiguredProject(deps);
  if (configuredProject !== undefined) return `there is no open project ${configuredProject} with us as a member`;
  if (await readCanary(deps.store))
    return "its project is deleted, archived or closed to us; canary.project can name another";
  return "provision has made no project, and canary.project names none";
}

async function findCanaryProject(deps: CanaryLocationDeps): Promise<string | undefined> {
  const configuredProject = getConfiguredProject(deps);
  for await (const { data } of deps.plane.pages(projectsApi.list, {})) {
    const found = data.results.find(({ identifier, is_member, archived_at, ...external }) => {
      if (!is_member || archived_at !== null) return false;
      if (configuredProject !== undefined) return identifier.toUpperCase() === configuredProject;
      return (
        external.external_source === CANARY_EXTERNAL_REF.external_source && external.external_id === FIRST_PROJECT_ID
      );
    });
    if (found) return found.id;
  }
  return undefined;
}

/** Those that are there already are known by their pair, also when people have archived the item. */
async function createCanaryLocation(
  deps: CanaryLocationDeps,
  project: string,
  externalRef: ExternalRef,
): Promise<CanaryLocation> {
  const item = await createCanaryItem(deps, project, externalRef);
  const comment = await createOrReuse(() =>
    deps.plane.call(commentsApi.create, {
      params: { project, item },
      json: { comment_html: "<p>…</p>", ...externalRef },
    }),
  );
  return { project, item, comment };
}

async function createCanaryItem(deps: CanaryLocationDeps, project: string, externalRef: ExternalRef): Promise<string> {
  const state = await findClosedState(deps, project);
  const label = await getOrCreateLabel(deps, project, "groundcrew");
  const { itemName, itemDescription } = getTexts(deps.settings.locale).canary;
  const json = {
    name: itemName,
    description_html: itemDescription,
    labels: [label],
    ...omitUndefined({ state: state || undefined }),
    ...externalRef,
  };
  return createOrReuse(() => deps.plane.call(workItemsApi.create, { params: { project }, json }));
}

/** A cancelled item is in nobody's way, on no board of open work and in no cycle's count. */
async function findClosedState({ plane }: CanaryLocationDeps, project: string): Promise<string | undefined> {
  for await (const { data } of plane.pages(statesApi.list, { params: { project } })) {
    const found =
      data.results.find(({ group }) => group === "cancelled") ??
      data.results.find(({ group }) => group === "completed");
    if (found) return found.id;
  }
  return undefined;
}

async function createOrReuse(create: () => Promise<{ data: { id: string } }>): Promise<string> {
  try {
    return (await create()).data.id;
  } catch (thrown) {
    if (!(thrown instanceof PlaneConflictError) || thrown.id === undefined) throw thrown;
    return thrown.id;
  }
}
