/**
 * Checks of Plane: whether it answers and accepts Groundcrew's key (MONITOR-04), its version, and the difference
 * between the clocks. What is wrong is a notice.
 */

import type { Deps, Tick } from "../shared/app/deps.ts";
import { getErrorMessage } from "../shared/errors.ts";
import { readPlaneProblem } from "../shared/notices/notices.ts";
import { isUntestedPlane, parseKnownPlaneVersions } from "../shared/plane/client.ts";
import type { Endpoint } from "../shared/plane/endpoint.ts";
import { PlaneAuthError, PlaneError } from "../shared/plane/errors.ts";
import { instanceApi, projectsApi } from "../shared/plane/projects.ts";
import { MINUTE, type Ms, SECOND } from "../shared/time.ts";

/** A successful call with the key shows for 30 s that Plane answers, so that a busy Groundcrew makes no checks. */
const RECENT_SUCCESS_S = 30;
/** Without a successful call for 2 minutes, a check uses the key: Plane's public information may come from a cache. */
const OLD_SUCCESS_S = 120;
/** Time that a check with the API key may wait for the quota: 5 s. */
const QUOTA_WAIT: Ms = 5 * SECOND;
/** Limit of the difference between the clocks: 2 minutes. Times that people read and signed events depend on it. */
const MAX_CLOCK_DIFFERENCE: Ms = 2 * MINUTE;

/** What one request shows: `limited` by Groundcrew's own quota shows nothing. */
type Probe = { kind: "answers" } | { kind: "limited" } | { kind: "refused" | "unreachable" | "fails"; reason: string };

/**
 * Notices a Plane that gives no usable answer or refuses the key. When no call succeeded lately, it reads Plane's
 * public information, which needs no key and costs no quota. With the key it sends one more request each time while
 * Plane seems to fail, else one in 2 minutes in which nothing else is called.
 */
export const planeTick: Tick = {
  name: "plane",
  cron: () => "*/15 * * * * *",
  // Each process knows only its own calls; one that reaches Plane shows that Plane answers.
  sideBySide: true,
  async run(deps) {
    const since = await deps.store.now().catch(deps.clock);
    const isSuspected = (await readPlaneProblem(deps.store).catch(() => undefined)) !== undefined;
    const state = await checkPlane(deps, isSuspected);
    if (!state) return { failed: 0 };
    const { refused, unreachable } = state;
    const toProblem = (reason: string | undefined) =>
      reason === undefined ? undefined : { values: { reason }, since };
    // What is worse than the other is reported alone.
    await deps.notices.report("plane_unreachable", toProblem(unreachable));
    if (unreachable === undefined) await deps.notices.report("plane_refused", toProblem(refused));
    return { failed: refused === undefined && unreachable === undefined ? 0 : 1 };
  },
};

/** Reads Plane's version and clock every 10 minutes, which needs no key. */
export const instanceTick: Tick = {
  name: "instance",
  cron: () => "*/10 * * * *",
  async run({ plane, clock, notices, readAsset }) {
    const answer = await plane.call(instanceApi.info, { retries: false }).catch((thrown: unknown) => {
      if (thrown instanceof PlaneError) return undefined;
      throw thrown;
    });
    if (!answer) return { read: 0 };
    const version = answer.data.instance.current_version;
    const known = readKnownVersions(readAsset);
    const untested = { values: { version, tested: (known ?? []).join(", ") } };
    await notices.report("plane_untested", isUntestedPlane(version, known) ? untested : undefined);
    const difference = Math.abs(clock() - Date.parse(answer.date));
    const minutes = String(Math.round(difference / MINUTE));
    const isWrong = difference > MAX_CLOCK_DIFFERENCE;
    await notices.report("clock_wrong", isWrong ? { values: { difference: `${minutes} min` } } : undefined);
    return { read: 1 };
  },
};

/** Reads which versions are tested; undefined on hosts that do not have the file. */
function readKnownVersions(readAsset: Deps["readAsset"]): string[] | undefined {
  try {
    return parseKnownPlaneVersions(readAsset("compose/versions.env"));
  } catch {
    return undefined;
  }
}

/** Finds out what is wrong with Plane; undefined when that is unknown. @param isSuspected something was wrong before */
async function checkPlane(deps: Deps, isSuspected: boolean) {
  const { ok, age_s } = deps.health.get("plane");
  if (ok && age_s !== null && age_s <= RECENT_SUCCESS_S) return {};
  const open = await probePlane(deps, instanceApi.info);
  if (open.kind === "unreachable") return { unreachable: open.reason };
  const isDoubtful = isSuspected || ok === false || (age_s !== null && age_s > OLD_SUCCESS_S);
  if (open.kind === "answers" && !isDoubtful) return {};
  // Where a proxy does not pass the public information on, the key alone decides. The list of projects is what every
  // poll begins with: it also shows whether the account is in the workspace.
  const withKey = await probePlane(deps, projectsApi.list);
  if (withKey.kind === "limited") return open.kind === "answers" ? {} : undefined;
  if (withKey.kind === "refused") return { refused: withKey.reason };
  return "reason" in withKey ? { unreachable: withKey.reason } : {};
}

/** Sends one request without retries. A regular answer counts, also that an object does not exist. */
async function probePlane(deps: Deps, endpoint: Endpoint<unknown>): Promise<Probe> {
  try {
    await deps.plane.call(endpoint, { retries: false, waitBudget: { left: QUOTA_WAIT } });
    return { kind: "answers" };
  } catch (thrown) {
    if (!(thrown instanceof PlaneError)) throw thrown;
    const { code, status } = thrown;
    const reason = getErrorMessage(thrown);
    if (code === "rate_limited") return { kind: status === 429 ? "answers" : "limited" };
    if (thrown instanceof PlaneAuthError) return { kind: "refused", reason };
    if (code === "unavailable") return { kind: status === undefined ? "unreachable" : "fails", reason };
    // A redirect, to a page about maintenance for example.
    return code === "unexpected" && status !== undefined && status >= 300
      ? { kind: "fails", reason }
      : { kind: "answers" };
  }
}
