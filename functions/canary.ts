/**
 * The check of webhooks, every hour and more often while they seem not to arrive: a comment is edited, and the webhook
 * about it must arrive within a minute. The comment, its item and its project are found or created first.
 */

import type { Deps, Tick } from "../shared/app/deps.ts";
import { formatTemplate } from "../shared/i18n/localize.ts";
import { getTexts } from "../shared/i18n/texts.ts";
import { type CanaryRecord, canaryKey, describeAddress, readCanary } from "../shared/monitoring/canary.ts";
import { readPlaneProblem } from "../shared/notices/notices.ts";
import { omitUndefined } from "../shared/omit-undefined.ts";
import { readList } from "../shared/plane/endpoint.ts";
import {
  createOnce,
  PlaneAuthError,
  PlaneConflictError,
  type PlaneError,
  PlaneInvalidError,
  PlaneNotFoundError,
} from "../shared/plane/errors.ts";
import { projectsApi, statesApi } from "../shared/plane/projects.ts";
import { commentsApi, workItemsApi } from "../shared/plane/work-items.ts";
import { updateValue } from "../shared/store/records.ts";
import { CANARY_EXTERNAL_REF, createFallbackCanaryRef } from "../shared/sync/normalize.ts";
import { getOrCreateLabel } from "../shared/tasks/assignees.ts";
import { MINUTE, type Ms, SECOND } from "../shared/time.ts";

/** The comment that the canary edits: Plane's ids of its project, work item and comment. */
type CanaryLocation = Pick<CanaryRecord, "project" | "item" | "comment">;

type CanaryLocationDeps = Pick<Deps, "store" | "plane" | "settings" | "cache" | "clock" | "log">;

/** The external source and id under which Plane recognises the item and its comment. */
type ExternalRef = Readonly<Record<keyof typeof CANARY_EXTERNAL_REF, string>>;

/** Timeout for the canary's webhook: 1 min. Webhooks usually take seconds, and people notice a longer delay. */
const WEBHOOK_TIMEOUT: Ms = MINUTE;

/** Interval between checks of whether the webhook arrived: 250 ms. */
const CHECK_INTERVAL: Ms = 250;

/** Interval between canaries while webhooks seem not to arrive: just under 5 minutes, as the tick runs each minute. */
const SUSPICION_INTERVAL: Ms = 5 * MINUTE - 10 * SECOND;

/** Time in which the webhook of a change that a poll has found may still arrive: 20 s. */
const LATE_WEBHOOK: Ms = 20 * SECOND;

/** The external id that provision gives to the project it creates. */
const FIRST_PROJECT_ID = "provision:first-project";

/**
 * Edits the canary's comment every hour and waits for the webhook. Every version of Plane sends one for an edited
 * comment, so if none arrives within a minute, webhooks do not reach us. Takes three requests to Plane the first time,
 * then one.
 */
export const canaryTick: Tick = {
  name: "canary",
  cron: () => "23 * * * *",
  run: (deps) => runCanary(deps, `canary-${deps.newId()}`),
};

/**
 * Sends the canary every 5 minutes while webhooks seem not to arrive: polls find changes and no webhook comes, or the
 * last canary's did not. An agent's key cannot read webhooks, so silence is all that shows that Plane has switched the
 * webhook off, or somebody deleted it.
 */
export const webhooksTick: Tick = {
  name: "webhooks",
  cron: () => "* * * * *",
  async run(deps) {
    const missedSince = deps.health.getMissedSince();
    const isMissed = missedSince !== undefined && deps.clock() - missedSince >= LATE_WEBHOOK;
    const isSilent = (await readCanary(deps.store))?.silentSince !== undefined;
    if (!isMissed && !isSilent) return {};
    if ((await deps.store.consume("canary", 1, 1, SUSPICION_INTERVAL)) > 0) return {};
    return runCanary(deps, `canary-${deps.newId()}`);
  },
};

/** Logs at the start what activates the webhook, as long as none has arrived: provision may have left it inactive. */
export async function logUnseenWebhooks({ settings, store, log }: Pick<Deps, "settings" | "store" | "log">) {
  const hasSecret = (settings.plane?.webhookSecrets.length ?? 0) > 0;
  if (!hasSecret || (await readCanary(store))?.lastArrival) return;
  log.info("no webhook from Plane has been checked yet: `npm run provision` activates an inactive one");
}

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
    const lastArrival = await findReturnedCanary(deps, nonce);
    if (lastArrival) return { sent: 1, ms: lastArrival.durationMs };
    await deps.wait(CHECK_INTERVAL, deps.stopping);
    if (deps.stopping.aborted) return { sent: 1 };
  }
  // A Plane that stopped answering after the edit sends no webhook either: that is announced by itself.
  const planeProblem = await readPlaneProblem(deps.store);
  if (planeProblem && planeProblem.kind !== "plane_list_wrong") return { sent: 1 };
  await reportSilence(deps, nonce, correlation);
  return { sent: 1, silent: 1 };
}

/**
 * Edits the comment; returns the problem when that is impossible. If people removed the comment, its item or its
 * project, a new location is used from then on. Plane also finds archived items by their external id, and other items
 * that no one may edit. Then another item is created, at most one a day, so that repeated refusals do not fill the
 * project.
 */
async function sendCanary(deps: Deps, nonce: string): Promise<string | undefined> {
  const stored = await readCanaryLocation(deps);
  if (stored && (await tryEdit(deps, stored, nonce)) === undefined) return undefined;
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

/**
 * Reads the last location; undefined when it is not in the configured project. Without that setting the location never
 * changes, so that no request is needed to check it.
 */
async function readCanaryLocation(deps: CanaryLocationDeps): Promise<CanaryLocation | undefined> {
  const stored = await readCanary(deps.store);
  if (!stored) return undefined;
  const { project, item, comment } = stored;
  if (getConfiguredProject(deps) !== undefined && (await findCanaryProject(deps)) !== project) return undefined;
  return { project, item, comment };
}

function getConfiguredProject({ settings }: CanaryLocationDeps): string | undefined {
  return settings.canary === false ? undefined : settings.canary?.project.toUpperCase();
}

async function findCanaryProject(deps: CanaryLocationDeps): Promise<string | undefined> {
  const configuredProject = getConfiguredProject(deps);
  const { rows } = await readList(deps.plane, projectsApi.list);
  return rows.find(({ identifier, is_member, archived_at, external_source, external_id }) => {
    if (!is_member || archived_at !== null) return false;
    if (configuredProject !== undefined) return identifier.toUpperCase() === configuredProject;
    return external_source === CANARY_EXTERNAL_REF.external_source && external_id === FIRST_PROJECT_ID;
  })?.id;
}

/** Edits the comment; returns why Plane refused. */
async function tryEdit(deps: Deps, { project, item, comment }: CanaryLocation, nonce: string) {
  const json = { comment_html: formatTemplate(getTexts(deps.settings.locale).canary.comment, { nonce }) };
  // The nonce is stored before the request, because the webhook may arrive before the response.
  const beforeSend = () =>
    updateValue<CanaryRecord>(deps, canaryKey, async (stored) => {
      const lastEdit = { nonce, at: await deps.store.now(), address: describeAddress(deps.settings) };
      return { put: [{ key: canaryKey, value: { ...stored, project, item, comment, lastEdit } }] };
    });
  try {
    await deps.plane.call(commentsApi.update, { params: { project, item, comment }, json, beforeSend });
    return undefined;
  } catch (thrown) {
    if (!isPlaneRefusal(thrown)) throw thrown;
    return `Plane refused to edit it: ${thrown.message}`;
  }
}

/**
 * Whether Plane refused this location: it is deleted, archived or not accessible to us. A wrong key, a reached rate
 * limit or a missing response do not count, because another location would not help.
 */
function isPlaneRefusal(thrown: unknown): thrown is PlaneError {
  if (thrown instanceof PlaneAuthError) return thrown.reason === "permission";
  return (
    thrown instanceof PlaneNotFoundError || thrown instanceof PlaneInvalidError || thrown instanceof PlaneConflictError
  );
}

/**
 * Finds or creates the item and the comment with this external id, even when the item is archived. There is no location
 * without a configured project or one that provision created: other projects are not touched.
 */
async function ensureCanaryLocation(deps: CanaryLocationDeps, externalRef: ExternalRef) {
  const project = await findCanaryProject(deps);
  if (project === undefined) return { problem: await explainMissingProject(deps) };
  try {
    const item = await createCanaryItem(deps, project, externalRef);
    const json = { comment_html: "<p>…</p>", ...externalRef };
    const comment = await createOnce(() => deps.plane.call(commentsApi.create, { params: { project, item }, json }));
    return { location: { project, item, comment } };
  } catch (thrown) {
    if (!isPlaneRefusal(thrown)) throw thrown;
    return { problem: `Plane refused to create it: ${thrown.message}` };
  }
}

async function explainMissingProject(deps: CanaryLocationDeps): Promise<string> {
  const configuredProject = getConfiguredProject(deps);
  if (configuredProject !== undefined)
    return `project ${configuredProject} does not exist, is archived, or has no membership for Groundcrew's account`;
  if (await readCanary(deps.store))
    return "its project is deleted, archived or not accessible; set canary.project to another one";
  return "provision created no project, and canary.project is not set";
}

async function createCanaryItem(deps: CanaryLocationDeps, project: string, externalRef: ExternalRef): Promise<string> {
  const state = await findClosedState(deps, project);
  const label = await getOrCreateLabel(deps, project, "groundcrew");
  const { itemName, itemDescription } = getTexts(deps.settings.locale).canary;
  const json = {
    name: itemName,
    description_html: itemDescription,
    labels: [label],
    ...omitUndefined({ state: state || undefined }),
    ...externalRef,
  };
  return createOnce(() => deps.plane.call(workItemsApi.create, { params: { project }, json }));
}

/** Finds a cancelled or else completed state: an item in it is on no board of open work and in no cycle's count. */
async function findClosedState({ plane }: CanaryLocationDeps, project: string): Promise<string | undefined> {
  const { rows } = await readList(plane, statesApi.list, { params: { project } });
  return (rows.find(({ group }) => group === "cancelled") ?? rows.find(({ group }) => group === "completed"))?.id;
}

async function findReturnedCanary({ store }: Pick<Deps, "store">, nonce: string) {
  const [stored] = await store.read<CanaryRecord>([canaryKey]);
  return stored?.value.lastArrival?.nonce === nonce ? stored.value.lastArrival : undefined;
}

/** Reports that webhooks do not arrive. That state lasts until a webhook of the canary arrives, however late. */
async function reportSilence(deps: Deps, nonce: string, correlation: string): Promise<void> {
  const since = await updateValue<CanaryRecord, Ms | undefined>(deps, canaryKey, (stored) => {
    const sent = stored?.lastEdit;
    if (!stored || sent?.nonce !== nonce || stored.lastArrival?.nonce === nonce) return { result: undefined };
    deps.log.error("no webhook from Plane within a minute of an edit", { correlation });
    const { silentSince = sent.at } = stored;
    return { put: [{ key: canaryKey, value: { ...stored, silentSince } }], result: silentSince };
  });
  if (since !== undefined) await deps.notices.report("webhook_off", { since });
}
