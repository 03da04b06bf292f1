import { besideCanary, CANARY, canaryKey, type KeptCanary, readCanary } from "../../shared/canary/kept.ts";
import { noticeJobs } from "../../shared/canary/notice.ts";
import type { Deps, Tick } from "../../shared/deps.ts";
import { comments } from "../../shared/plane/comments.ts";
import type { Ms } from "../../shared/store/port.ts";
import { findPlace, isRefused, keptPlace, type Place } from "./place.ts";

/** A webhook takes seconds; one that takes longer than this is missed by people. */
const PATIENCE: Ms = 60_000;
/** Between looks whether it has come. */
const LOOK: Ms = 250;

/**
 * Edits the canary's comment each hour and waits for its webhook: on every version of Plane an edited comment sends
 * one, so a minute without it means that webhooks do not reach us. Three requests to Plane the first time, then one.
 */
export const canary: Tick = {
  name: "canary",
  cron: () => "23 * * * *",
  run: (deps) => fly(deps, `canary-${deps.newId()}`),
};

async function fly(deps: Deps, correlation: string): Promise<Record<string, number>> {
  const { plane, canary: chosen } = deps.settings;
  if (!plane || plane.webhookSecrets.length === 0 || chosen === false) return {};
  const isMissed = chosen !== undefined || (await readCanary(deps.store)) !== undefined;
  const nonce = deps.newId();
  const nowhere = await send(deps, nonce);
  if (nowhere !== undefined) {
    deps.log[isMissed ? "warn" : "info"](`no canary: ${nowhere}`, { correlation });
    return {};
  }
  for (let waited = 0; waited < PATIENCE; waited += LOOK) {
    const back = await backOf(deps, nonce);
    if (back) return { sent: 1, ms: back.took };
    await deps.wait(LOOK, deps.stopping);
    if (deps.stopping.aborted) return { sent: 1 };
  }
  await fallSilent(deps, nonce, correlation);
  return { sent: 1, silent: 1 };
}

/**
 * Writes the comment anew; answers why it could not. Where people have removed it, its item or its project, it sits
 * elsewhere from now on. Plane knows archived items by their pair, and may know others that it lets nobody edit: then
 * one is made beside them, at most one a day, so that nothing fills up when that is refused, too.
 */
async function send(deps: Deps, nonce: string): Promise<string | undefined> {
  const kept = await keptPlace(deps);
  if (kept && (await refusalOf(deps, kept, nonce)) === undefined) return undefined;
  const day = new Date(await deps.store.now()).toISOString().slice(0, 10);
  let refusal: string | undefined;
  for (const pair of [CANARY, besideCanary(day)]) {
    const found = await findPlace(deps, pair);
    if ("nowhere" in found) return found.nowhere;
    refusal = await refusalOf(deps, found.place, nonce);
    if (refusal === undefined) return undefined;
  }
  return refusal;
}

async function refusalOf(deps: Deps, place: Place, nonce: string): Promise<string | undefined> {
  try {
    await edit(deps, place, nonce);
    return undefined;
  } catch (thrown) {
    if (!isRefused(thrown)) throw thrown;
    return `Plane lets us edit none: ${thrown.message}`;
  }
}

async function edit(deps: Deps, { project, item, comment }: Place, nonce: string): Promise<void> {
  const json = {
    comment_html: `<p>Groundcrew edits this comment every hour to see whether Plane tells it. <code>${nonce}</code></p>`,
  };
  // Noted before it is sent: its webhook may be faster than the answer.
  const before = () => note(deps, { project, item, comment }, nonce);
  await deps.plane.call(comments.update, { params: { project, item, comment }, json, before });
}

async function note({ store }: Pick<Deps, "store">, place: Place, nonce: string): Promise<void> {
  for (;;) {
    const [kept] = await store.read<KeptCanary>([canaryKey]);
    const value: KeptCanary = { ...kept?.value, ...place, sent: { nonce, at: await store.now() } };
    const outcome = await store.commit({ expect: [[canaryKey, kept?.rev ?? 0]], put: [{ key: canaryKey, value }] });
    if (outcome === "kept") return;
  }
}

async function backOf({ store }: Pick<Deps, "store">, nonce: string) {
  const [kept] = await store.read<KeptCanary>([canaryKey]);
  return kept?.value.back?.nonce === nonce ? kept.value.back : undefined;
}

/** Says once that webhooks do not come; it stays so until one of the canary's does, however late. */
async function fallSilent(deps: Deps, nonce: string, correlation: string): Promise<void> {
  for (;;) {
    const [kept] = await deps.store.read<KeptCanary>([canaryKey]);
    const sent = kept?.value.sent;
    if (!kept || sent?.nonce !== nonce || kept.value.back?.nonce === nonce) return;
    deps.log.error("plane's webhooks are silent: an edit was not told within a minute", { correlation });
    if (kept.value.silentSince !== undefined) return;
    const value: KeptCanary = { ...kept.value, silentSince: sent.at };
    const jobs = noticeJobs(deps.settings, { what: "silent", since: sent.at, correlation });
    const outcome = await deps.store.commit({
      expect: [[canaryKey, kept.rev]],
      put: [{ key: canaryKey, value }],
      jobs,
    });
    if (outcome !== "kept") continue;
    deps.kick();
    return;
  }
}
