import type { Deps, Tick } from "../../shared/app/deps.ts";
import { createCanaryNoticeJobs } from "../../shared/canary/canary-notice.ts";
import {
  CANARY_EXTERNAL_REF,
  canaryKey,
  createFallbackCanaryRef,
  type KeptCanary,
  readCanary,
} from "../../shared/canary/canary-record.ts";
import { formatTemplate } from "../../shared/i18n/template.ts";
import { getTexts } from "../../shared/i18n/texts/get-texts.ts";
import { commentsApi } from "../../shared/plane/comments.ts";
import { updateValue } from "../../shared/store/update.ts";
import { MINUTE, type Ms } from "../../shared/time.ts";
import { type CanaryLocation, ensureCanaryLocation, isPlaneRefusal, readCanaryLocation } from "./canary-location.ts";

/** A webhook takes seconds; one that takes longer than this is missed by people. */
const WEBHOOK_TIMEOUT: Ms = MINUTE;
/** Between looks whether it has come. */
const CHECK_INTERVAL: Ms = 250;

/**
 * Edits the canary's comment each hour and waits for its webhook: on every version of Plane an edited comment sends
 * one, so a minute without it means that webhooks do not reach us. Three requests to Plane the first time, then one.
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
    deps.log[shouldWarn ? "warn" : "info"](`no canary: ${problem}`, { correlation });
    return {};
  }
  for (let waited = 0; waited < WEBHOOK_TIMEOUT; waited += CHECK_INTERVAL) {
    const back = await findReturnedCanary(deps, nonce);
    if (back) return { sent: 1, ms: back.took };
    await deps.wait(CHECK_INTERVAL, deps.stopping);
    if (deps.stopping.aborted) return { sent: 1 };
  }
  await reportSilence(deps, nonce, correlation);
  return { sent: 1, silent: 1 };
}

/**
 * Writes the comment anew; answers why it could not. Where people have removed it, its item or its project, it sits
 * elsewhere from now on. Plane knows archived items by their pair, and may know others that it lets nobody edit: then
 * one is made beside them, at most one a day, so that nothing fills up when that is refused, too.
 */
async function sendCanary(deps: Deps, nonce: string): Promise<string | undefined> {
  const kept = await readCanaryLocation(deps);
  if (kept && (await tryEdit(deps, kept, nonce)) === undefined) return undefined;
  const day = new Date(await deps.store.now()).toISOString().slice(0, 10);
  let refusal: string | undefined;
  for (const externalRef of [CANARY_EXTERNAL_REF, createFallbackCanaryRef(day)]) {
    const found = await ensureCanaryLocation(deps, externalRef);
    if ("nowhere" in found) return found.nowhere;
    refusal = await tryEdit(deps, found.place, nonce);
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
    return `Plane lets us edit none: ${thrown.message}`;
  }
}

async function editCanaryComment(deps: Deps, { project, item, comment }: CanaryLocation, nonce: string): Promise<void> {
  const json = { comment_html: formatTemplate(getTexts(deps.settings.locale).canary.comment, { nonce }) };
  // Noted before it is sent: its webhook may be faster than the answer.
  const before = () => recordSentNonce(deps, { project, item, comment }, nonce);
  await deps.plane.call(commentsApi.update, { params: { project, item, comment }, json, beforeSend: before });
}

async function recordSentNonce(deps: Pick<Deps, "store">, location: CanaryLocation, nonce: string): Promise<void> {
  await updateValue<KeptCanary>(deps, canaryKey, async (kept) => {
    const value: KeptCanary = { ...kept, ...location, sent: { nonce, at: await deps.store.now() } };
    return { put: [{ key: canaryKey, value }] };
  });
}

async function findReturnedCanary({ store }: Pick<Deps, "store">, nonce: string) {
  const [kept] = await store.read<KeptCanary>([canaryKey]);
  return kept?.value.back?.nonce === nonce ? kept.value.back : undefined;
}

/** Says once that webhooks do not come; it stays so until one of the canary's does, however late. */
async function reportSilence(deps: Deps, nonce: string, correlation: string): Promise<void> {
  await updateValue<KeptCanary>(deps, canaryKey, (kept) => {
    const sent = kept?.sent;
    if (!kept || sent?.nonce !== nonce || kept.back?.nonce === nonce) return undefined;
    deps.log.error("plane's webhooks are silent: an edit was not told within a minute", { correlation });
    if (kept.silentSince !== undefined) return undefined;
    const value: KeptCanary = { ...kept, silentSince: sent.at };
    const jobs = createCanaryNoticeJobs(deps.settings, { what: "silent", since: sent.at, correlation });
    return { put: [{ key: canaryKey, value }], jobs, afterCommit: () => deps.kick() };
  });
}
