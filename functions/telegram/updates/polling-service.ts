import type { Deps, Service } from "../../../shared/app/deps.ts";
import { getErrorMessage } from "../../../shared/errors.ts";
import { createUpdateJob } from "../../../shared/jobs/updates-jobs.ts";
import type { Ms } from "../../../shared/time.ts";

/** How long Telegram may keep a call open until an update comes; under the 30 s after which a call counts as lost. */
const LONG_POLL_S = 25;
/** Longer than one call; a process that dies keeps the others waiting so long. */
const LEASE_MS: Ms = 45_000;
/** Between looks while another process polls, and after a failure. */
const PAUSE: Ms = 5_000;

const LEASE_NAME = "telegram-polling";
const OFFSET_KEY = "telegram-offset";

type PollingDeps = Pick<Deps, "settings" | "store" | "telegram" | "log" | "newId" | "wait" | "stopping" | "kick">;

/**
 * Asks Telegram for updates where it cannot call us. One process at a time; an update is kept in the same commit as
 * the offset behind it, so none is lost and none is taken twice.
 */
export const telegramPollingService: Service = {
  name: "telegram-polling",
  async run(deps) {
    if (!deps.telegram || deps.settings.telegram?.mode !== "polling") return;
    const owner = deps.newId();
    while (!deps.stopping.aborted) {
      const pause = await pollTelegramOnce(deps, owner).catch((thrown: unknown) => {
        deps.log.warn("telegram polling paused", { error: getErrorMessage(thrown) });
        return PAUSE;
      });
      if (pause > 0) await deps.wait(pause, deps.stopping);
    }
  },
};

/** One call and what came of it; answers how long to wait before the next. */
export async function pollTelegramOnce(deps: PollingDeps, owner: string): Promise<Ms> {
  const { store, telegram, log, stopping } = deps;
  if (!telegram) return PAUSE;
  const lease = await store.lease(LEASE_NAME, owner, LEASE_MS);
  if (!("fence" in lease)) return PAUSE;
  const [kept] = await store.read<{ next: number }>([OFFSET_KEY]);
  const { promise: stopped, resolve } = Promise.withResolvers<undefined>();
  const stop = () => resolve(undefined);
  stopping.addEventListener("abort", stop);
  if (stopping.aborted) stop();
  // A call left open when we stop confirms nothing: its updates come again.
  const pendingUpdates = telegram.getUpdates(kept?.value.next ?? 0, LONG_POLL_S);
  const outcome = await Promise.race([pendingUpdates, stopped]).finally(() =>
    stopping.removeEventListener("abort", stop),
  );
  if (!outcome) {
    await store.release(LEASE_NAME, lease.fence);
    return 0;
  }
  switch (outcome.kind) {
    case "updates": {
      const last = outcome.updates.at(-1);
      if (!last) return 0;
      const jobs = outcome.updates.flatMap((raw) => createUpdateJob(raw, `update-${raw.update_id}`) ?? []);
      const result = await store.commit({
        expect: [[OFFSET_KEY, kept?.rev ?? 0]],
        fence: [LEASE_NAME, lease.fence],
        put: [{ key: OFFSET_KEY, value: { next: last.update_id + 1 } }],
        jobs,
      });
      if (result === "kept") deps.kick();
      return 0;
    }
    case "conflict":
      log.error("somebody else reads this bot's updates: Groundcrew needs a bot of its own, not OpenClaw's", {
        reason: outcome.reason,
      });
      return 6 * PAUSE;
    case "wait":
      return outcome.ms;
    default:
      return PAUSE;
  }
}
