import type { Deps, Tick } from "../../shared/app/deps.ts";
import { createCanaryNoticeJobs } from "../../shared/canary/canary-notice.ts";
import {
  CANARY_EXTERNAL_REF,
  canaryKey,
  createFallbackCanaryRef,
  describeAddress,
  type KeptCanary,
  readCanary,
} from "../../shared/canary/canary-record.ts";
import { formatTemplate } from "../../shared/i18n/template.ts";
import { getTexts } from "../../shared/i18n/texts/get-texts.ts";
import { readOutage } from "../../shared/outage/outage-record.ts";
import { commentsApi } from "../../shared/plane/comments.ts";
import { updateValue } from "../../shared/store/update.ts";
import { MINUTE, type Ms } from "../../shared/time.ts";
import { type CanaryLocation, ensureCanaryLocation, isPlaneRefusal, readCanaryLocation } from "./canary-location.ts";

/** Timeout for the canary's webhook: 1 min. Webhooks usually take seconds, and people notice a longer delay. */
const WEBHOOK_TIMEOUT: Ms = MINUTE;
/** Interval between checks of whether the webhook arrived: 250 ms. */
const CHECK_INTERVAL: Ms = 250;

/**
 * Edits the canary's comment every hour and waits for the webhook. Every version of Plane sends one for an edited comment,
 * so if none arrives within a minute, webhooks do not reach us. Takes three requests to Plane the first time, then one.
 */
export const canaryTick: Tick = {
  name: "canary",
  cron: () => "23 * * * *",
  run: (deps) => runCanary(deps, `canary-${deps.newId()}`),
};

async function runCanary(deps: Deps, correlation: string): Promise<Record<string, number>> {
  const { plane, canary: canarySetting } = deps.settings;
  if (!plane || plane.webhookSecrets.length === 0 || canarySetting === false) return {};
  const shouldWarn = canarySetting !== undefined || (await readCanary(deps.store)) !== undefined;
  const nonce = deps.newId();
  const problem = await sendCanary(deps, nonce);
  if (problem !== undefined) {
    deps.log[shouldWarn ? "warn" : "info"]("canary not sent", { correlation, problem });
    return {};
  }
  for (let waited = 0; waited < WEBHOOK_TIMEOUT; waited += CHECK_INTERVAL) {
    const back = await findReturnedCanary(deps, nonce);
    if (back) return { sent: 1, ms: back.took };
    await deps.wait(CHECK_INTERVAL, deps.stopping);
    if (deps.stopping.aborted) return { sent: 1 };
  }
  // A Plane that stopped answering after the edit sends no webhook either: that is announced by itself.
  if (await readOutage(deps.store)) return { sent: 1 };
  await reportSilence(deps, nonce, correlation);
  return { sent: 1, silent: 1 };
}

/**
 * Edits the comment; returns the problem when that is impossible. If people removed the comment, its item or its project,
 * a new location is used from then on. Plane also finds archived items by their external id, and other items that no one
 * may edit. Then another item is created, at most one a day, so that repeated refusals do not fill the project.
 */
async function sendCanary(deps: Deps, nonce: string): Promise<string | undefined> {
  const kept = await readCanaryLocation(deps);
  if (kept && (await tryEdit(deps, kept, nonce)) === undefined) return undefined;
  const day = new Date(await deps.store.now()).toISOString().slice(0, 10);
  let refusal: string | undefined;
  for (const externalRef of [CANARY_EXTERNAL_REF, createFallbackCanaryRef(day)]) {
    const found = await ensureCanaryLocation(deps, externalRef);
    if ("problem" in found) return found.problem;
    refusal = await tryEdit(deps, found.location, nonce);
    if (refusal === undefined) return undefined;
  }
  return refusal;
}

async function tryEdit(deps: Deps, location: CanaryLocation, nonce: string): Promise<string | undefined> {
  try {
    await editCanaryComment(deps, location, nonce);
    return undefined;
  } catch (thrown) {
    if (!isPlaneRefusal(thrown)) throw thrown;
    return `Plane refused to edit it: ${thrown.message}`;
  }
}

async function editCanaryComment(deps: Deps, { project, item, comment }: CanaryLocation, nonce: string): Promise<void> {
  const json = { comment_html: formatTemplate(getTexts(deps.settings.locale).canary.comment, { nonce }) };
  // The nonce is stored before the request, because the webhook may arrive before the response.
  const beforeSend = () => recordSentNonce(deps, { project, item, comment }, nonce);
  await deps.plane.call(commentsApi.update, { params: { project, item, comment }, json, beforeSend });
}

async function recordSentNonce(
  deps: Pick<Deps, "store" | "settings">,
  location: CanaryLocation,
  nonce: string,
): Promise<void> {
  await updateValue<KeptCanary>(deps, canaryKey, async (kept) => {
    const value: KeptCanary = {
      ...kept,
      ...location,
      sent: { nonce, at: await deps.store.now(), address: describeAddress(deps.settings) },
    };
    return { put: [{ key: canaryKey, value }] };
  });
}

async function findReturnedCanary({ store }: Pick<Deps, "store">, nonce: string) {
  const [kept] = await store.read<KeptCanary>([canaryKey]);
  return kept?.value.back?.nonce === nonce ? kept.value.back : undefined;
}

/** Notifies once that webhooks do not arrive. That state lasts until a webhook of the canary arrives, however late. */
async function reportSilence(deps: Deps, nonce: string, correlation: string): Promise<void> {
  await updateValue<KeptCanary>(deps, canaryKey, (kept) => {
    const sent = kept?.sent;
    if (!kept || sent?.nonce !== nonce || kept.back?.nonce === nonce) return undefined;
    deps.log.error("no webhook from Plane within a minute of an edit", { correlation });
    if (kept.silentSince !== undefined) return undefined;
    const value: KeptCanary = { ...kept, silentSince: sent.at };
    const jobs = createCanaryNoticeJobs(deps.settings, { what: "silent", since: sent.at, correlation });
    return { put: [{ key: canaryKey, value }], jobs, afterCommit: () => deps.kick() };
  });
}
