import type { PlaneSettings } from "../../shared/config/settings.ts";
import { createCapabilityCache } from "../../shared/plane/capabilities.ts";
import type { PlaneError } from "../../shared/plane/errors.ts";
import { instanceApi } from "../../shared/plane/instance.ts";
import { projectsApi } from "../../shared/plane/projects.ts";
import { usersApi } from "../../shared/plane/users-members.ts";
import type { Ms } from "../../shared/time.ts";
import { type DoctorCheck, reportFailure, reportOk, reportWarning } from "./check.ts";
import { checkKnownPlane } from "./known-versions.ts";
import type { PlaneQuery } from "./plane-query.ts";

/** The only edition that Groundcrew is tested with. */
const COMMUNITY_EDITION = "PLANE_COMMUNITY";
/**
 * Limit of the difference between the clocks: 30 s. A larger one breaks signed events to other systems and confuses
 * people who read times; nothing else compares the clocks.
 */
const MAX_CLOCK_SKEW_MS: Ms = 30_000;
/** Part of the minute's quota that should be left in normal operation. */
const MIN_QUOTA_PART = 0.2;

/** Plane's own default of API_KEY_RATE_LIMIT, requests per minute and key; a whole team shares Groundcrew's key. */
const PLANE_DEFAULT_RATE_LIMIT = 60;

/** Beginning of the description that Plane gives to its sample project. */
const SAMPLE_PROJECT_DESCRIPTION = "Welcome to the Plane Demo Project!";

/**
 * Checks Plane itself, the key, the workspace, the quota and the clock. If `reachable` is false, Plane answers no other
 * check.
 */
export async function checkPlane(
  queryPlane: PlaneQuery,
  plane: PlaneSettings,
  clock: () => Ms,
  knownVersions: readonly string[] | undefined,
): Promise<{ reachable: boolean; checks: DoctorCheck[] }> {
  const instanceReply = await queryPlane(instanceApi.info);
  if (!instanceReply.ok)
    return {
      reachable: false,
      checks: [reportFailure("plane", instanceReply.error.message, `Start Plane, or fix PLANE_URL (${plane.url}).`)],
    };
  const { current_version: version, edition } = instanceReply.data.instance;
  const { relations } = await createCapabilityCache(async () => version, clock).get();
  const checks = [
    checkPlaneVersion(version, edition, relations),
    ...checkKnownPlane(version, knownVersions),
    reportOk(
      "plane uploads",
      `files up to ${formatMebibytes(instanceReply.data.config.file_size_limit)} (Plane's FILE_SIZE_LIMIT)`,
    ),
    checkPlaneClock(instanceReply.ahead),
  ];
  const userReply = await queryPlane(usersApi.me, plane.apiKey);
  if (!userReply.ok) return { reachable: true, checks: [...checks, explainKeyError("plane key", userReply.error)] };
  checks.push(reportOk("plane key", `valid, belongs to ${userReply.data.display_name}`));
  const projectList = await queryPlane(projectsApi.list, plane.apiKey);
  checks.push(
    projectList.ok
      ? checkPlaneWorkspace(plane, projectList.data.results)
      : explainWorkspaceError(plane, projectList.error),
  );
  const remaining = projectList.ok ? projectList.remaining : userReply.remaining;
  if (remaining !== undefined) checks.push(checkPlaneQuota(remaining, plane.rateLimit));
  return { reachable: true, checks };
}

function checkPlaneVersion(version: string, edition: string, relations: boolean): DoctorCheck {
  const description = `${version}, ${edition}`;
  if (edition !== COMMUNITY_EDITION)
    return reportWarning(
      "plane",
      `${description}: Groundcrew is tested with the community edition only`,
      "Check that tasks and changes appear as expected.",
    );
  if (!relations)
    return reportWarning(
      "plane",
      `${description}: its API has no relations, and edits through the API send no webhook`,
      'Relations that people add in Plane are read from the activities of a task, and those that Groundcrew adds are lines "Blocked by: …" in its description, which Plane does not show as relations. Both, and edits through the API, take until the next poll. Upgrade to Plane 1.3.1 for relations and webhooks.',
    );
  return reportOk("plane", `${description}, with relations and with webhooks for edits through the API`);
}

function checkPlaneClock(ahead: Ms): DoctorCheck {
  const seconds = Math.round(Math.abs(ahead) / 1000);
  if (Math.abs(ahead) <= MAX_CLOCK_SKEW_MS)
    return reportOk("plane clock", `within ${Math.max(1, seconds)} s of this machine's clock`);
  const direction = ahead > 0 ? "ahead of" : "behind";
  return reportWarning(
    "plane clock",
    `${seconds} s ${direction} this machine's clock`,
    "Synchronize the clocks of both machines, for example with chrony or systemd-timesyncd.",
  );
}

/** The finding about a key whose request failed. */
export function explainKeyError(name: string, error: PlaneError): DoctorCheck {
  if (error.code === "rate_limited")
    return reportWarning(
      name,
      error.message,
      "Run the doctor again in a minute; if this persists, raise API_KEY_RATE_LIMIT of Plane.",
    );
  if (error.code === "auth")
    return reportFailure(
      name,
      error.message,
      "Create a new key (Plane: Settings, Personal access tokens), or run `npm run provision`.",
    );
  return reportFailure(name, error.message, "Check Plane's log.");
}

interface ProjectRow {
  identifier: string;
  is_member: boolean;
  archived_at: string | null;
  description: string;
}

function checkPlaneWorkspace({ workspace, projects }: PlaneSettings, projectRows: readonly ProjectRow[]): DoctorCheck {
  const name = "plane workspace";
  const missing = projects.filter(
    (wanted) => !projectRows.some(({ identifier }) => identifier.toUpperCase() === wanted),
  );
  if (missing.length > 0)
    return reportFailure(name, `${workspace} has no project ${missing.join(", ")}`, "Fix PLANE_PROJECTS.");
  const wanted = projectRows.filter(
    ({ identifier }) => projects.length === 0 || projects.includes(identifier.toUpperCase()),
  );
  const open = wanted.filter(({ archived_at }) => archived_at === null);
  // Plane adds a sample project to each workspace that is created in a browser or by provision; nobody works in it.
  const samples = projects.length > 0 ? [] : open.filter((row) => !row.is_member && isSampleProject(row));
  const used = open.filter((row) => !samples.includes(row));
  const inaccessible = used.filter(({ is_member }) => !is_member).map(({ identifier }) => identifier);
  if (inaccessible.length > 0)
    return reportWarning(
      name,
      `the key's account is not a member of these projects of ${workspace}: ${inaccessible.join(", ")}`,
      "Add it to them in Plane, or list only the other projects in PLANE_PROJECTS.",
    );
  if (used.length === 0)
    return reportWarning(name, `${workspace} has no project yet`, "Create one, or run `npm run provision`.");
  const sampleNote = samples.map(({ identifier }) => `; Plane's own sample project ${identifier} is not followed`);
  const followed = used.map(({ identifier }) => identifier).join(", ");
  return reportOk(name, `${workspace}, projects ${followed}${sampleNote.join("")}`);
}

function isSampleProject({ description }: ProjectRow): boolean {
  return description.startsWith(SAMPLE_PROJECT_DESCRIPTION);
}

function explainWorkspaceError({ workspace }: PlaneSettings, error: PlaneError): DoctorCheck {
  if (error.code === "rate_limited") return explainKeyError("plane workspace", error);
  return reportFailure(
    "plane workspace",
    `${workspace}: ${error.message}`,
    "Fix PLANE_WORKSPACE (the slug in Plane's URL), or add the key's account to that workspace.",
  );
}

function checkPlaneQuota(remaining: number, limit: number): DoctorCheck {
  const name = "plane quota";
  if (remaining > limit)
    return reportWarning(
      name,
      `${remaining} requests are left this minute, more than PLANE_RATE_LIMIT (${limit}) uses`,
      "Set PLANE_RATE_LIMIT to Plane's API_KEY_RATE_LIMIT.",
    );
  if (remaining < limit * MIN_QUOTA_PART)
    return reportWarning(
      name,
      `only ${remaining} of ${limit} requests are left this minute`,
      "Right after provision, a start or many changes this is normal: Groundcrew waits for the quota and loses nothing. If it stays so, give other programs keys of their own, or raise API_KEY_RATE_LIMIT of Plane.",
    );
  const left = `${remaining} of ${limit} requests are left this minute`;
  if (limit > PLANE_DEFAULT_RATE_LIMIT) return reportOk(name, left);
  return reportOk(
    name,
    `${left}; a team waits less with API_KEY_RATE_LIMIT=600/minute in Plane's environment and PLANE_RATE_LIMIT=600 here`,
  );
}

function formatMebibytes(bytes: number): string {
  return `${Math.round((bytes / 2 ** 20) * 10) / 10} MiB`;
}
