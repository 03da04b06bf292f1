import type { Deps } from "../app/deps.ts";
import { createCanaryNoticeJobs } from "./canary-notice.ts";
import { canaryKey, type KeptCanary } from "./canary-record.ts";

type CanaryWebhookDeps = Pick<Deps, "store" | "settings" | "log" | "kick">;

/** A webhook of the canary's comment has come. One of an earlier edit says nothing: it may come very late. */
export async function handleCanaryWebhook(deps: CanaryWebhookDeps, html: string, correlation: string): Promise<void> {
  for (;;) {
    const [kept] = await deps.store.read<KeptCanary>([canaryKey]);
    const { sent, back, silentSince, ...location } = kept?.value ?? {};
    if (!kept || !sent || !html.includes(sent.nonce) || back?.nonce === sent.nonce) return;
    const now = await deps.store.now();
    const took = Math.max(0, now - sent.at);
    const value = { ...location, sent, back: { nonce: sent.nonce, at: now, took } };
    const jobs =
      silentSince === undefined
        ? []
        : createCanaryNoticeJobs(deps.settings, { what: "back", since: silentSince, took, correlation });
    if (
      (await deps.store.commit({ expect: [[canaryKey, kept.rev]], put: [{ key: canaryKey, value }], jobs })) !== "kept"
    )
      continue;
    deps.log.info("canary came back", { correlation, ms: took });
    if (silentSince !== undefined) deps.log.warn("plane's webhooks arrive again", { correlation, ms: took });
    if (jobs.length > 0) deps.kick();
    return;
  }
}
