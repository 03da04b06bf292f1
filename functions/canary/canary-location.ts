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

/** The comment that the canary edits: Plane's ids of its project, work item and comment. */
export type CanaryLocation = Pick<KeptCanary, "project" | "item" | "comment">;

/** A location, or the reason why there is none, for the log. */
export type CanaryLocationResult = { location: CanaryLocation } | { problem: string };

type CanaryLocationDeps = Pick<Deps, "store" | "plane" | "settings" | "cache" | "clock">;

/** The external source and id under which Plane recognises the item and its comment. */
type ExternalRef = Readonly<Record<keyof typeof CANARY_EXTERNAL_REF, string>>;

/** The external id that provision gives to the project it creates. */
const FIRST_PROJECT_ID = "provision:first-project";

/**
 * Reads the last location; undefined when it is not in the configured project. Without that setting the location never
 * changes, so that no request is needed to check it.
 */
export async function readCanaryLocation(deps: CanaryLocationDeps): Promise<CanaryLocation | undefined> {
  const kept = await readCanary(deps.store);
  if (!kept) return undefined;
  const { project, item, comment } = kept;
  if (getConfiguredProject(deps) !== undefined && (await findCanaryProject(deps)) !== project) return undefined;
  return { project, item, comment };
}

/**
 * Finds or creates the item and the comment with this external id. There is no location without a configured project or
 * one that provision created: other projects are not touched.
 */
export async function ensureCanaryLocation(
  deps: CanaryLocationDeps,
  externalRef: ExternalRef,
): Promise<CanaryLocationResult> {
  const project = await findCanaryProject(deps);
  if (project === undefined) return { problem: await explainMissingProject(deps) };
  try {
    return { location: await createCanaryLocation(deps, project, externalRef) };
  } catch (thrown) {
    if (!isPlaneRefusal(thrown)) throw thrown;
    return { problem: `Plane refused to create it: ${thrown.message}` };
  }
}

/**
 * Whether Plane refused this location: it is deleted, archived or not accessible to us. A wrong key, a reached rate limit
 * or a missing response do not count, because another location would not help.
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
  if (configuredProject !== undefined)
    return `project ${configuredProject} does not exist, is archived, or has no membership for Groundcrew's account`;
  if (await readCanary(deps.store))
    return "its project is deleted, archived or not accessible; set canary.project to another one";
  return "provision created no project, and canary.project is not set";
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

/** Creates the item and the comment, or reuses existing ones with this external id, even when the item is archived. */
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

/** Finds a cancelled or else completed state: an item in it appears on no board of open work and in no cycle's count. */
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
