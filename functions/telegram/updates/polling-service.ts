import type { Deps, Service } from "../../../shared/app/deps.ts";
import { getErrorMessage } from "../../../shared/errors.ts";
import { createUpdateJob } from "../../../shared/jobs/updates-jobs.ts";
import type { BucketSpend } from "../../../shared/store/bucket-operations.ts";
import { holdBucket, reserveTurn } from "../../../shared/store/rate-limit-hold.ts";
import type { Ms } from "../../../shared/time.ts";

/** Timeout for one long poll at Telegram: 25 s, below the 30 s timeout of a call. */
const LONG_POLL_S = 25;
/** Lease for polling: 45 s, longer than one call. After a crash, other processes wait this long at most. */
const LEASE_MS: Ms = 45_000;
/** Interval for retries: 5 s, while another process polls and after a failure. */
const PAUSE: Ms = 5_000;

const LEASE_NAME = "telegram-polling";
const OFFSET_KEY = "telegram-offset";

/** Polls are not limited in number; the bucket holds them after a 429, where operators can see and end it. */
const POLL: BucketSpend = { bucket: "telegram:updates", n: 1, limit: Number.MAX_SAFE_INTEGER, window: 1_000 };

type PollingDeps = Pick<Deps, "settings" | "store" | "telegram" | "log" | "newId" | "wait" | "stopping" | "kick">;

/**
 * Polls Telegram for updates where it cannot reach our webhook. One process polls at a time. Updates are committed
 * together with the next offset, so none is lost and none is handled twice.
 */
export const telegramPollingService: Service = {
  name: "telegram-polling",
  async run(deps) {
    if (!deps.telegram || deps.settings.telegram?.mode !== "polling") return;
    const owner = deps.newId();
    while (!deps.stopping.aborted) {
      const pause = await pollTelegramOnce(deps, owner).catch((thrown: unknown) => {
        deps.log.warn("telegram polling failed, retrying", { error: getErrorMessage(thrown) });
        return PAUSE;
      });
      if (pause > 0) await deps.wait(pause, deps.stopping);
    }
  },
};

/** Makes one call and stores its updates; returns how long to wait before the next call. */
export async function pollTelegramOnce(deps: PollingDeps, owner: string): Promise<Ms> {
  const { store, telegram, log, stopping } = deps;
  if (!telegram) return PAUSE;
  const lease = await store.lease(LEASE_NAME, owner, LEASE_MS);
  if (!("fence" in lease)) return PAUSE;
  const turn = await reserveTurn(store, "telegram", POLL, () => store.spendAll([POLL]));
  if (turn.wait > 0) return Math.min(turn.wait, PAUSE);
  const [stored] = await store.read<{ next: number }>([OFFSET_KEY]);
  const { promise: stopped, resolve } = Promise.withResolvers<undefined>();
  const stop = () => resolve(undefined);
  stopping.addEventListener("abort", stop);
  if (stopping.aborted) stop();
  // A call that is still open when we stop confirms nothing: its updates will be delivered again.
  const pendingUpdates = telegram.getUpdates(stored?.value.next ?? 0, LONG_POLL_S);
  const outcome = await Promise.race([pendingUpdates, stopped]).finally(() =>
    stopping.removeEventListener("abort", stop),
  );
  if (!outcome) {
    await store.release(LEASE_NAME, lease.fence);
    return 0;
  }
  if (turn.isProbe && outcome.kind === "updates") await store.endProbe(POLL.bucket);
  switch (outcome.kind) {
    case "updates": {
      const last = outcome.updates.at(-1);
      if (!last) return 0;
      const jobs = outcome.updates.flatMap((raw) => createUpdateJob(raw, `update-${raw.update_id}`) ?? []);
      const result = await store.commit({
        expect: [[OFFSET_KEY, stored?.rev ?? 0]],
        fence: [LEASE_NAME, lease.fence],
        put: [{ key: OFFSET_KEY, value: { next: last.update_id + 1 } }],
        jobs,
      });
      if (result === "kept") deps.kick();
      return 0;
    }
    case "conflict":
      log.error("another program reads this telegram bot's updates: Groundcrew needs its own, not OpenClaw's", {
        reason: outcome.reason,
      });
      return 6 * PAUSE;
    case "wait":
      await holdBucket(store, "telegram", POLL.bucket, outcome.ms);
      return Math.min(outcome.ms, PAUSE);
    default:
      return PAUSE;
  }
}
