import type { PlaneSettings } from "../../shared/config.ts";
import { createCapabilities } from "../../shared/plane/capabilities.ts";
import type { PlaneError } from "../../shared/plane/errors.ts";
import { instance } from "../../shared/plane/instance.ts";
import { projects as projectCalls } from "../../shared/plane/projects.ts";
import { users } from "../../shared/plane/users-members.ts";
import type { Ms } from "../../shared/store/port.ts";
import { type Check, failed, ok, warning } from "./check.ts";
import type { Ask } from "./plane-ask.ts";

/** The edition everything here was tried with. */
const COMMUNITY = "PLANE_COMMUNITY";
/** Signed events to other systems and people's reading of times suffer from more; nothing else compares the clocks. */
const CLOCK_MS: Ms = 30_000;
/** So much of the minute's quota should be left when nothing much goes on. */
const LEFT = 0.2;

/** Plane itself, the key, the workspace, the quota and the clock; `reachable` false: nothing else can be asked of it. */
export async function planeChecks(
  ask: Ask,
  plane: PlaneSettings,
  clock: () => Ms,
): Promise<{ reachable: boolean; checks: Check[] }> {
  const told = await ask(instance.info);
  if (!told.ok)
    return {
      reachable: false,
      checks: [failed("plane", told.error.message, `Start Plane, or mend PLANE_URL (${plane.url}).`)],
    };
  const { current_version: version, edition } = told.data.instance;
  const { relations } = await createCapabilities(async () => version, clock).get();
  const checks = [
    versionCheck(version, edition, relations),
    ok("plane uploads", `files up to ${mebibytes(told.data.config.file_size_limit)} (FILE_SIZE_LIMIT of Plane)`),
    clockCheck(told.ahead),
  ];
  const me = await ask(users.me, plane.apiKey);
  if (!me.ok) return { reachable: true, checks: [...checks, keyCheck("plane key", me.error)] };
  checks.push(ok("plane key", `valid, of ${me.data.display_name}`));
  const listed = await ask(projectCalls.list, plane.apiKey);
  checks.push(listed.ok ? workspaceCheck(plane, listed.data.results) : workspaceRefused(plane, listed.error));
  const remaining = listed.ok ? listed.remaining : me.remaining;
  if (remaining !== undefined) checks.push(quotaCheck(remaining, plane.rateLimit));
  return { reachable: true, checks };
}

function versionCheck(version: string, edition: string, relations: boolean): Check {
  const what = `${version}, ${edition}`;
  if (edition !== COMMUNITY)
    return warning(
      "plane",
      `${what}: tried with the community edition only`,
      "Look whether everything is as expected.",
    );
  if (!relations)
    return warning(
      "plane",
      `${what}: no relations (lines "Blocked by: …" stand for them), and edits by API send no webhook`,
      "Nothing is lost, the poll finds them; Plane 1.3.1 brings both.",
    );
  return ok("plane", `${what}, relations and webhooks of edits by API`);
}

function clockCheck(ahead: Ms): Check {
  const seconds = Math.round(Math.abs(ahead) / 1000);
  if (Math.abs(ahead) <= CLOCK_MS) return ok("plane clock", `within ${Math.max(1, seconds)} s of this machine's`);
  const way = ahead > 0 ? "ahead of" : "behind";
  return warning(
    "plane clock",
    `${seconds} s ${way} this machine's`,
    "Let both machines keep time (for example with chrony or systemd-timesyncd).",
  );
}

/** What a call with a key says about the key, when it fails. */
export function keyCheck(name: string, error: PlaneError): Check {
  if (error.code === "rate_limited")
    return warning(name, error.message, "Ask again in a minute; raise API_KEY_RATE_LIMIT on Plane when it stays so.");
  if (error.code === "auth")
    return failed(
      name,
      error.message,
      "Make a new key (Plane: Settings, Personal access tokens), or `npm run provision`.",
    );
  return failed(name, error.message, "Look at Plane's log.");
}

interface Listed {
  identifier: string;
  is_member: boolean;
  archived_at: string | null;
}

function workspaceCheck({ workspace, projects }: PlaneSettings, listed: readonly Listed[]): Check {
  const name = "plane workspace";
  const missing = projects.filter((wanted) => !listed.some(({ identifier }) => identifier.toUpperCase() === wanted));
  if (missing.length > 0)
    return failed(name, `${workspace} has no project ${missing.join(", ")}`, "Mend PLANE_PROJECTS.");
  const wanted = listed.filter(
    ({ identifier }) => projects.length === 0 || projects.includes(identifier.toUpperCase()),
  );
  const open = wanted.filter(({ archived_at }) => archived_at === null);
  const closed = open.filter(({ is_member }) => !is_member).map(({ identifier }) => identifier);
  if (closed.length > 0)
    return warning(
      name,
      `${workspace} is known, but the key's account is no member of ${closed.join(", ")}`,
      "Add it to these projects, or name the others in PLANE_PROJECTS.",
    );
  if (open.length === 0)
    return warning(name, `${workspace} is known and has no project yet`, "Make one, or `npm run provision`.");
  return ok(name, `${workspace}, following ${open.map(({ identifier }) => identifier).join(", ")}`);
}

function workspaceRefused({ workspace }: PlaneSettings, error: PlaneError): Check {
  if (error.code === "rate_limited") return keyCheck("plane workspace", error);
  return failed(
    "plane workspace",
    `${workspace}: ${error.message}`,
    "Mend PLANE_WORKSPACE (the slug in Plane's address), or let the key's account into that workspace.",
  );
}

function quotaCheck(remaining: number, limit: number): Check {
  const name = "plane quota";
  if (remaining > limit)
    return warning(
      name,
      `${remaining} requests are left of this minute, more than PLANE_RATE_LIMIT (${limit}) makes use of`,
      "Set PLANE_RATE_LIMIT to the server's API_KEY_RATE_LIMIT.",
    );
  if (remaining < limit * LEFT)
    return warning(
      name,
      `only ${remaining} of ${limit} requests are left of this minute`,
      "Does something else use this key? Give it one of its own, or raise API_KEY_RATE_LIMIT on Plane.",
    );
  return ok(name, `${remaining} of ${limit} requests are left of this minute`);
}

function mebibytes(bytes: number): string {
  return `${Math.round((bytes / 2 ** 20) * 10) / 10} MiB`;
}
