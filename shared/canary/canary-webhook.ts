import type { Deps } from "../app/deps.ts";
import { updateValue } from "../store/update.ts";
import { createCanaryNoticeJobs } from "./canary-notice.ts";
import { canaryKey, type KeptCanary } from "./canary-record.ts";

type CanaryWebhookDeps = Pick<Deps, "store" | "settings" | "log" | "kick">;

/** Handles a webhook of the canary's comment. Webhooks of earlier edits are ignored, because they may be very late. */
export async function handleCanaryWebhook(deps: CanaryWebhookDeps, html: string, correlation: string): Promise<void> {
  await updateValue<KeptCanary>(deps, canaryKey, async (kept) => {
    const { sent, back, silentSince, ...location } = kept ?? {};
    if (!sent || !html.includes(sent.nonce) || back?.nonce === sent.nonce) return undefined;
    const now = await deps.store.now();
    const took = Math.max(0, now - sent.at);
    const value = { ...location, sent, back: { ...sent, at: now, took } };
    const jobs =
      silentSince === undefined
        ? []
        : createCanaryNoticeJobs(deps.settings, { what: "back", since: silentSince, took, correlation });
    const afterCommit = () => {
      deps.log.info("canary webhook received", { correlation, ms: took });
      if (silentSince !== undefined) deps.log.warn("webhooks from Plane arrive again", { correlation, ms: took });
      if (jobs.length > 0) deps.kick();
    };
    return { put: [{ key: canaryKey, value }], jobs, afterCommit };
  });
}
