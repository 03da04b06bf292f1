import type { Deps, Tick } from "../shared/app/deps.ts";
import {
  advanceOutage,
  createOutageNoticeJobs,
  OUTAGE_RETENTION,
  type OutagesRecord,
  outageKey,
  type PlaneCheck,
  readOutage,
} from "../shared/monitoring/outage.ts";
import type { Endpoint } from "../shared/plane/endpoint.ts";
import { PlaneError } from "../shared/plane/errors.ts";
import { instanceApi, usersApi } from "../shared/plane/projects.ts";
import { updateValue } from "../shared/store/records.ts";
import { type Ms, SECOND } from "../shared/time.ts";

/** A successful call with the key shows for 30 s that Plane answers, so that a busy Groundcrew makes no checks. */
const RECENT_SUCCESS_S = 30;
/** Without a successful call for 2 minutes, a check uses the key: Plane's public information may come from a cache. */
const OLD_SUCCESS_S = 120;
/** Time that a check with the API key may wait for the quota: 5 s. */
const QUOTA_WAIT: Ms = 5 * SECOND;

/** What one request shows: a limit of the quota shows nothing, unless Plane answered it. */
type Probe = "answers" | "unreachable" | "fails" | "limited";

/**
 * Notices a Plane that gives no usable answer for 2 minutes, and its return (MONITOR-04), and tells the human once: the
 * record changes in one commit with the message. When no call succeeded lately, it reads Plane's public information,
 * which needs no key and costs no quota. With the key it sends one more request each time while Plane seems to fail,
 * else one in 2 minutes in which nothing else is called.
 */
export const planeTick: Tick = {
  name: "plane",
  cron: () => "*/15 * * * * *",
  // Each process knows only its own calls; one that reaches Plane shows that Plane answers.
  sideBySide: true,
  async run(deps) {
    const began = await deps.store.now();
    const answers = await checkPlane(deps, (await readOutage(deps.store)) !== undefined);
    if (answers === undefined) return { failed: 0 };
    await recordCheck(deps, { answers, began, now: await deps.store.now() });
    return { failed: answers ? 0 : 1 };
  },
};

/** Returns whether Plane answers; undefined when that is unknown. @param isSuspected a check failed before */
async function checkPlane(deps: Deps, isSuspected: boolean): Promise<boolean | undefined> {
  const { ok, age_s } = deps.health.get("plane");
  if (ok && age_s !== null && age_s <= RECENT_SUCCESS_S) return true;
  const open = await probePlane(deps, instanceApi.info);
  if (open === "unreachable") return false;
  const isDoubtful = isSuspected || ok === false || (age_s !== null && age_s > OLD_SUCCESS_S);
  if (open === "answers" && !isDoubtful) return true;
  // Where a proxy does not pass the public information on, the key alone decides.
  const withKey = await probePlane(deps, usersApi.me);
  if (withKey === "limited") return open === "answers" ? true : undefined;
  return withKey === "answers";
}

/** Sends one request without retries. Every regular answer counts, also a refusal. */
async function probePlane(deps: Deps, endpoint: Endpoint<unknown>): Promise<Probe> {
  try {
    await deps.plane.call(endpoint, { retries: false, waitBudget: { left: QUOTA_WAIT } });
    return "answers";
  } catch (thrown) {
    if (!(thrown instanceof PlaneError)) throw thrown;
    const { code, status } = thrown;
    if (code === "rate_limited") return status === 429 ? "answers" : "limited";
    if (code === "unavailable") return status === undefined ? "unreachable" : "fails";
    // A redirect, to a page about maintenance for example.
    return code === "unexpected" && status !== undefined && status >= 300 ? "fails" : "answers";
  }
}

async function recordCheck(deps: Deps, check: PlaneCheck): Promise<void> {
  const correlation = `plane-${deps.newId()}`;
  await updateValue<OutagesRecord>(deps, outageKey, (stored) => {
    const next = advanceOutage(stored, check);
    if (!next) return undefined;
    const { value, notice } = next;
    return {
      put: [{ key: outageKey, value, expires: OUTAGE_RETENTION }],
      jobs: notice ? createOutageNoticeJobs(deps.settings, notice, check.now, correlation) : [],
      afterCommit: () => {
        if (!notice) return;
        const { since } = notice;
        if (notice.kind === "away") deps.log.error("Plane does not answer", { correlation, since });
        else deps.log.warn("Plane answers again", { correlation, since });
        deps.notify();
      },
    };
  });
}
