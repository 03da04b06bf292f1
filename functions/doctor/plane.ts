import type { PlaneSettings } from "../../shared/config/settings.ts";
import { createCapabilityCache } from "../../shared/plane/capabilities.ts";
import type { PlaneError } from "../../shared/plane/errors.ts";
import { instanceApi } from "../../shared/plane/instance.ts";
import { projectsApi as projectCalls } from "../../shared/plane/projects.ts";
import { usersApi } from "../../shared/plane/users-members.ts";
import type { Ms } from "../../shared/time.ts";
import { type DoctorCheck, reportFailure, reportOk, reportWarning } from "./check.ts";
import type { PlaneQuery } from "./plane-query.ts";

/** The edition everything here was tried with. */
const COMMUNITY_EDITION = "PLANE_COMMUNITY";
/** Signed events to other systems and people's reading of times suffer from more; nothing else compares the clocks. */
const MAX_CLOCK_SKEW_MS: Ms = 30_000;
/** So much of the minute's quota should be left when nothing much goes on. */
const MIN_QUOTA_PART = 0.2;

/** Plane itself, the key, the workspace, the quota and the clock; `reachable` false: nothing else can be asked of it. */
export async function checkPlane(
  queryPlane: PlaneQuery,
  plane: PlaneSettings,
  clock: () => Ms,
): Promise<{ reachable: boolean; checks: DoctorCheck[] }> {
  const instanceReply = await queryPlane(instanceApi.info);
  if (!instanceReply.ok)
    return {
      reachable: false,
      checks: [reportFailure("plane", instanceReply.error.message, `Start Plane, or mend PLANE_URL (${plane.url}).`)],
    };
  const { current_version: version, edition } = instanceReply.data.instance;
  const { relations } = await createCapabilityCache(async () => version, clock).get();
  const checks = [
    checkPlaneVersion(version, edition, relations),
    reportOk(
      "plane uploads",
      `files up to ${formatMebibytes(instanceReply.data.config.file_size_limit)} (FILE_SIZE_LIMIT of Plane)`,
    ),
    checkPlaneClock(instanceReply.ahead),
  ];
  const userReply = await queryPlane(usersApi.me, plane.apiKey);
  if (!userReply.ok) return { reachable: true, checks: [...checks, explainKeyError("plane key", userReply.error)] };
  checks.push(reportOk("plane key", `valid, of ${userReply.data.display_name}`));
  const projectList = await queryPlane(projectCalls.list, plane.apiKey);
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
      `${description}: tried with the community edition only`,
      "Look whether everything is as expected.",
    );
  if (!relations)
    return reportWarning(
      "plane",
      `${description}: no relations (lines "Blocked by: …" stand for them), and edits by API send no webhook`,
      "Nothing is lost, the poll finds them; Plane 1.3.1 brings both.",
    );
  return reportOk("plane", `${description}, relations and webhooks of edits by API`);
}

function checkPlaneClock(ahead: Ms): DoctorCheck {
  const seconds = Math.round(Math.abs(ahead) / 1000);
  if (Math.abs(ahead) <= MAX_CLOCK_SKEW_MS)
    return reportOk("plane clock", `within ${Math.max(1, seconds)} s of this machine's`);
  const direction = ahead > 0 ? "ahead of" : "behind";
  return reportWarning(
    "plane clock",
    `${seconds} s ${direction} this machine's`,
    "Let both machines keep time (for example with chrony or systemd-timesyncd).",
  );
}

/** What a call with a key says about the key, when it fails. */
export function explainKeyError(name: string, error: PlaneError): DoctorCheck {
  if (error.code === "rate_limited")
    return reportWarning(
      name,
      error.message,
      "Ask again in a minute; raise API_KEY_RATE_LIMIT on Plane when it stays so.",
    );
  if (error.code === "auth")
    return reportFailure(
      name,
      error.message,
      "Make a new key (Plane: Settings, Personal access tokens), or `npm run provision`.",
    );
  return reportFailure(name, error.message, "Look at Plane's log.");
}

interface ProjectRow {
  identifier: string;
  is_member: boolean;
  archived_at: string | null;
}

function checkPlaneWorkspace({ workspace, projects }: PlaneSettings, projectRows: readonly ProjectRow[]): DoctorCheck {
  const name = "plane workspace";
  const missing = projects.filter(
    (wanted) => !projectRows.some(({ identifier }) => identifier.toUpperCase() === wanted),
  );
  if (missing.length > 0)
    return reportFailure(name, `${workspace} has no project ${missing.join(", ")}`, "Mend PLANE_PROJECTS.");
  const wanted = projectRows.filter(
    ({ identifier }) => projects.length === 0 || projects.includes(identifier.toUpperCase()),
  );
  const open = wanted.filter(({ archived_at }) => archived_at === null);
  const inaccessible = open.filter(({ is_member }) => !is_member).map(({ identifier }) => identifier);
  if (inaccessible.length > 0)
    return reportWarning(
      name,
      `${workspace} is known, but the key's account is no member of ${inaccessible.join(", ")}`,
      "Add it to these projects, or name the others in PLANE_PROJECTS.",
    );
  if (open.length === 0)
    return reportWarning(name, `${workspace} is known and has no project yet`, "Make one, or `npm run provision`.");
  return reportOk(name, `${workspace}, following ${open.map(({ identifier }) => identifier).join(", ")}`);
}

function explainWorkspaceError({ workspace }: PlaneSettings, error: PlaneError): DoctorCheck {
  if (error.code === "rate_limited") return explainKeyError("plane workspace", error);
  return reportFailure(
    "plane workspace",
    `${workspace}: ${error.message}`,
    "Mend PLANE_WORKSPACE (the slug in Plane's address), or let the key's account into that workspace.",
  );
}

function checkPlaneQuota(remaining: number, limit: number): DoctorCheck {
  const name = "plane quota";
  if (remaining > limit)
    return reportWarning(
      name,
      `${remaining} requests are left of this minute, more than PLANE_RATE_LIMIT (${limit}) makes use of`,
      "Set PLANE_RATE_LIMIT to the server's API_KEY_RATE_LIMIT.",
    );
  if (remaining < limit * MIN_QUOTA_PART)
    return reportWarning(
      name,
      `only ${remaining} of ${limit} requests are left of this minute`,
      "Does something else use this key? Give it one of its own, or raise API_KEY_RATE_LIMIT on Plane.",
    );
  return reportOk(name, `${remaining} of ${limit} requests are left of this minute`);
}

function formatMebibytes(bytes: number): string {
  return `${Math.round((bytes / 2 ** 20) * 10) / 10} MiB`;
}
