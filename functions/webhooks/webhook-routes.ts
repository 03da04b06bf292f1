/**
 * The life of a webhook. Plane's are verified by their signature, Telegram's by their secret. Each becomes a job before
 * it is answered; what cannot be stored is not answered, so that it is sent again. The handler of the queue `inbox`
 * then observes what Plane's contain.
 */

import { type Context, Hono } from "hono";
import { z } from "zod";
import type { Deps, JobHandler, Route } from "../../shared/app/deps.ts";
import { GroundcrewError, getErrorMessage } from "../../shared/errors.ts";
import { createSignatureCheck, createTokenCheck, parseSignature, sha256Hex } from "../../shared/hashing.ts";
import { createBodyReader, createRefusalLimiter } from "../../shared/http/limits.ts";
import { BreakConnection } from "../../shared/http/request.ts";
import {
  createInboxJob,
  createUnreadUpdateJob,
  createUpdateJob,
  type InboxBody,
  inboxBodySchema,
  keepReceivedBody,
  type ReceivedBody,
  readReceivedBody,
} from "../../shared/jobs/incoming-jobs.ts";
import { createObserveJob, parseJobBody } from "../../shared/jobs/internal-jobs.ts";
import { handleCanaryWebhook } from "../../shared/monitoring/canary.ts";
import {
  isReadableProject,
  type ProjectRecord,
  type ProjectsReadRecord,
  type WorkspaceRecord,
} from "../../shared/records/plane-records.ts";
import { observedKeys } from "../../shared/records/store-keys.ts";
import type { Job, JobResult, LeasedJob } from "../../shared/store/port.ts";
import { observeComment } from "../../shared/sync/comments.ts";
import type { ActorHint, ObservationSource } from "../../shared/sync/event-facts.ts";
import { requestItemDetails } from "../../shared/sync/item-record.ts";
import { cachePerson } from "../../shared/sync/names.ts";
import { isCanary, normalizeItem, parseWebhookDelivery, type WebhookDelivery } from "../../shared/sync/normalize.ts";
import { observeItem, readItem } from "../../shared/sync/observe-item.ts";
import type { ItemRecord } from "../../shared/task/snapshot.ts";
import { getWebhookSecrets } from "../../shared/telegram/chat-settings.ts";
import { tryParseJson } from "../../shared/text.ts";
import { MINUTE, type Ms } from "../../shared/time.ts";

/** A delivery with a valid signature, not yet parsed completely. Its body may be unreadable. */
interface ReceivedDelivery {
  /** The signed body, unchanged. */
  body: ReceivedBody;
  /** SHA-256 of the body: the same for all of Plane's attempts, unlike its delivery id. */
  hash: string;
  /** The id of the work item concerned; the hash when it is unknown. */
  lane: string;
  event: string | undefined;
  action: string | undefined;
}

/** Serialized once, because it is the same for every webhook. */
const OK_BODY = JSON.stringify({ ok: true });

const OK_RESPONSE = { headers: { "Content-Type": "application/json" } };

/**
 * Interval between polls requested by unverified webhooks: 45 s. Anyone can forge Plane's headers, so their cost is
 * limited.
 */
const UNVERIFIED_POLL_MS = 45_000;

/** Limit of requests without a valid signature: 100 per minute and source (INFRA-04). */
const UNVERIFIED_LIMIT = 100;

/**
 * The beginning of Plane's deliveries, as recorded. It suffices to store a delivery, except of a comment, whose item id
 * comes later; matching it takes a tenth of the time of parsing 3 KB. Other bodies are parsed completely.
 */
const DELIVERY_HEAD =
  /^\{"event": "(?!issue_comment")([a-z_]{1,64})", "action": "([a-z_]{1,64})", "webhook_id": "[\w-]{1,64}", "workspace_id": "[\w-]{1,64}", "data": \{"id": "([\w-]{1,64})"/;

const PLANE_HEADERS = ["x-plane-delivery", "x-plane-event", "x-plane-signature"];

const shortTextSchema = z.string().max(64).optional().catch(undefined);

/** Ids that are safe as names of lanes. Plane's ids are UUIDs. */
const idSchema = z
  .string()
  .regex(/^[\w-]{1,64}$/)
  .optional()
  .catch(undefined);

/** The fields that are needed to store a delivery; the job handler parses the rest. */
const deliverySchema = z.object({
  event: shortTextSchema,
  action: shortTextSchema,
  data: z.object({ id: idSchema, issue: idSchema }).optional().catch(undefined),
});

/**
 * Limit of an update: 256 KiB, enough for a message of 4,096 characters with its entities and the message it replies
 * to.
 */
const MAX_UPDATE_BYTES = 256 * 1024;

const DONE: JobResult = { done: true };

/** Delay before a held webhook checks again for its project's baseline: 1 s, growing by 1 s with each try. */
const HOLD_STEP_MS = 1000;

/** Limit of that growth: 30 steps (30 s), because many webhooks may wait for a project that cannot be read. */
const MAX_HOLD_STEPS = 30;

/** Limit of waits for the item of a comment: 3. */
const MAX_ITEM_WAITS = 3;

/** Retention of the note that Plane does not list a project: 10 minutes, during which its webhooks cause no reads. */
const UNFOLLOWED_RETENTION_MS = 10 * MINUTE;

/**
 * NOTIF-02: verifies a webhook, stores it and responds 200. Plane counts every HTTP response as delivered and repeats
 * only after a broken connection, so the connection is broken when a webhook could not be stored. What has a valid
 * signature is stored whether or not it can be read: the job handler makes a dead letter of an unreadable body. A poll
 * finds the changes of refused and lost webhooks.
 */
export const planeWebhookRoute: Route = { path: "/webhooks/plane", access: "public", app: createPlaneWebhookApp };

/**
 * Verifies an update from Telegram by its secret header, stores it, readable or not, and responds 200. The connection
 * is broken when it could not be stored, because Telegram then sends it again.
 */
export const telegramWebhookRoute: Route = {
  path: "/webhooks/telegram",
  access: "public",
  app: createTelegramWebhookApp,
};

function createPlaneWebhookApp(deps: Deps): Hono {
  const receiveDelivery = createDeliveryReceiver(deps);
  const requestUnverifiedPoll = createUnverifiedPollRequester(deps);

  /** Resolves with `kept` when the delivery is stored, also when it had been stored before. */
  function storeDelivery({ hash, lane, body }: ReceivedDelivery, correlation: string) {
    return deps.store.commit({ jobs: [createInboxJob(hash, lane, body.raw, correlation, body.encoding)] });
  }

  /**
   * Returns the error for the request: a refusal, or a broken connection, because Plane counts even a 500 as delivered.
   */
  function reportFailure(c: Context, thrown: unknown, isReceived: boolean): GroundcrewError | BreakConnection {
    const error = toRequestError(thrown, isReceived);
    const outcome = error instanceof GroundcrewError ? error.code : "broken";
    deps.metrics.count("groundcrew_webhooks_total", { source: "plane", outcome });
    // Without Plane's headers no real change is lost with the request.
    if (!PLANE_HEADERS.every((name) => c.req.header(name) !== undefined)) return error;
    if (!c.get("isUnlogged"))
      deps.log.warn("webhook not stored", {
        ...{ correlation: c.get("correlation"), outcome },
        error: getErrorMessage(error),
      });
    const reason = "a webhook was not stored";
    if (isReceived) deps.requestPoll(reason);
    else void requestUnverifiedPoll(reason);
    return error;
  }

  return new Hono().post("/", async (c) => {
    let received: ReceivedDelivery | undefined;
    try {
      received = await receiveDelivery(c);
      const outcome = await storeDelivery(received, c.get("correlation"));
      if (outcome !== "committed") throw new Error(outcome);
    } catch (thrown) {
      throw reportFailure(c, thrown, received !== undefined);
    }
    const { event, action, hash: job } = received;
    c.set("logFields", { event, action, job });
    deps.metrics.count("groundcrew_webhooks_total", { source: "plane", outcome: "kept" });
    return new Response(OK_BODY, OK_RESPONSE);
  });
}

/**
 * Creates the function that verifies a request of Plane's webhook; it throws a `GroundcrewError` with the reason of a
 * refusal.
 */
function createDeliveryReceiver({
  settings,
  clock,
  hashing,
  log,
}: Pick<Deps, "settings" | "clock" | "hashing" | "log">) {
  const secrets = settings.plane?.webhookSecrets ?? [];
  const isSigned = createSignatureCheck(secrets, hashing);
  // Every refusal before the signature is verified counts towards the limit, whatever its reason. Small bodies of a
  // source over its limit are still read and verified, because Plane may send from there, too; large ones are not.
  const { countRefusal, findLimit } = createRefusalLimiter({
    limit: UNVERIFIED_LIMIT,
    message: "Too many requests without a valid signature. Try again in a minute.",
    ...{ clock, log },
  });
  const readBody = createBodyReader(settings.webhookLimit, {
    setting: "WEBHOOK_MAX_BYTES",
    findLargeRefusal: findLimit,
  });

  function refuseUnsigned(c: Context): GroundcrewError {
    const secretName = secrets.length > 0 ? "the webhook's secret" : "PLANE_WEBHOOK_SECRET, which is not set";
    const refusal = `X-Plane-Signature must be the HMAC-SHA256 of the body with ${secretName}.`;
    return countRefusal(c, new GroundcrewError("unauthorized", refusal));
  }

  async function readCheckedBody(c: Context): Promise<Uint8Array<ArrayBuffer>> {
    try {
      checkContentType(c);
      return await readBody(c);
    } catch (thrown) {
      throw thrown instanceof GroundcrewError ? countRefusal(c, thrown) : thrown;
    }
  }

  return async (c: Context): Promise<ReceivedDelivery> => {
    const signature = parseSignature(c.req.header("x-plane-signature"));
    if (!signature) throw refuseUnsigned(c);
    const bytes = await readCheckedBody(c);
    const signed = isSigned(signature, bytes);
    if (!(typeof signed === "boolean" ? signed : await signed)) throw refuseUnsigned(c);
    const body = keepReceivedBody(bytes);
    const { event, action, item } = parseSubject(body);
    const hash = await hashing.sha256Hex(bytes);
    return { body, hash, lane: item ?? hash, event, action };
  };
}

function checkContentType(c: Context) {
  const type = c.req.header("content-type") ?? "";
  if (type !== "application/json" && !/^\s*application\/json\s*(;|$)/i.test(type))
    throw new GroundcrewError("unsupported_type", "Content-Type must be application/json.");
  const encoding = c.req.header("content-encoding");
  if (encoding !== undefined && encoding.trim().toLowerCase() !== "identity")
    throw new GroundcrewError("unsupported_type", "Content-Encoding is not supported: send the body uncompressed.");
}

/** Returns the event and the id of the work item concerned, as far as the body contains them. */
function parseSubject({ raw, encoding }: ReceivedBody): Pick<Partial<ReceivedDelivery>, "event" | "action"> & {
  item?: string | undefined;
} {
  if (encoding !== undefined) return {};
  const [, event, action, item] = DELIVERY_HEAD.exec(raw) ?? [];
  if (item !== undefined) return { event, action, item };
  try {
    const { data, ...delivery } = deliverySchema.parse(JSON.parse(raw));
    return { ...delivery, item: delivery.event === "issue_comment" ? data?.issue : data?.id };
  } catch {
    return {};
  }
}

/**
 * Requests a poll at once, or as soon as the interval allows, so that a real delivery leads to a poll within a minute.
 */
function createUnverifiedPollRequester({
  clock,
  wait,
  stopping,
  requestPoll,
}: Deps): (reason: string) => Promise<void> {
  let quietUntil = 0;
  let isWaiting = false;
  return async (reason) => {
    if (isWaiting) return;
    const remainingMs = Math.min(UNVERIFIED_POLL_MS, quietUntil - clock());
    if (remainingMs > 0) {
      isWaiting = true;
      await wait(remainingMs, stopping);
      isWaiting = false;
    }
    if (stopping.aborted) return;
    quietUntil = clock() + UNVERIFIED_POLL_MS;
    requestPoll(reason);
  };
}

function toRequestError(thrown: unknown, isReceived: boolean): GroundcrewError | BreakConnection {
  if (!isReceived && (thrown instanceof GroundcrewError || thrown instanceof BreakConnection)) return thrown;
  const message = isReceived ? "Storing a webhook failed" : "Receiving a webhook failed";
  return new BreakConnection(`${message}: ${getErrorMessage(thrown)}`, { cause: thrown });
}

function createTelegramWebhookApp(deps: Deps): Hono {
  const { telegram } = deps.settings;
  const pendingCheck = telegram && getWebhookSecrets(telegram).then(createTokenCheck);
  const readBody = createBodyReader(MAX_UPDATE_BYTES);
  const { countRefusal } = createRefusalLimiter({
    limit: UNVERIFIED_LIMIT,
    message: "Too many requests without the secret. Try again in a minute.",
    clock: deps.clock,
    log: deps.log,
  });

  return new Hono().post("/", async (c) => {
    const secret = c.req.header("x-telegram-bot-api-secret-token");
    const isValidSecret = await pendingCheck;
    if (secret === undefined || !isValidSecret || !(await isValidSecret(secret))) {
      deps.metrics.count("groundcrew_webhooks_total", { source: "telegram", outcome: "unauthorized" });
      const refusal = "X-Telegram-Bot-Api-Secret-Token does not match the registered secret.";
      throw countRefusal(c, new GroundcrewError("unauthorized", refusal));
    }
    const job = await toJob(await readBody(c), c.get("correlation"));
    await deps.store.commit({ jobs: [job] }).catch((cause: unknown) => {
      throw new BreakConnection(`Storing an update failed: ${getErrorMessage(cause)}`, { cause });
    });
    deps.metrics.count("groundcrew_webhooks_total", { source: "telegram", outcome: "kept" });
    return c.json({ ok: true });
  });
}

/** Creates the job of an update; the job handler makes a dead letter of a body that cannot be read. */
async function toJob(bytes: Uint8Array<ArrayBuffer>, correlation: string): Promise<Job> {
  const received = keepReceivedBody(bytes);
  return (
    createUpdateJob(tryParseJson(readReceivedBody(received) ?? ""), correlation) ??
    createUnreadUpdateJob(await sha256Hex(bytes), received, correlation)
  );
}

/** Handles stored webhooks. A webhook only counts as an observation of the object it contains. */
export const inboxHandler: JobHandler = {
  queue: "inbox",
  // Handling a webhook twice is harmless (same job ids, same commits), so a short lease limits the delay after a crash.
  leaseMs: 30_000,
  concurrency: 8,
  async handle(deps, job) {
    deps.health.recordDelivery();
    const body = parseJobBody(job, inboxBodySchema);
    const text = readReceivedBody(body);
    const parsed = text === undefined ? { problem: "not UTF-8" } : parseWebhookDelivery(text);
    if ("problem" in parsed) {
      // Plane signed the webhook, so something has changed; the poll finds what.
      deps.requestPoll("a webhook could not be parsed");
      return { dead: parsed.problem };
    }
    const delivery = parsed.delivery;
    const [workspace] = await deps.store.read<WorkspaceRecord>([observedKeys.workspace]);
    if (!workspace?.value.id) return holdWebhook(deps, job, body, "workspace");
    const { correlation } = body;
    if (workspace.value.id !== delivery.workspace_id) {
      deps.log.warn("webhook ignored: other workspace", { correlation, workspace: delivery.workspace_id });
      return DONE;
    }
    if (delivery.event === "other") return DONE;
    if (delivery.event === "issue_comment" && isCanary(delivery.data)) {
      await handleCanaryWebhook(deps, delivery.data.comment_html, correlation);
      return DONE;
    }
    if (delivery.event === "project") {
      const read = { type: "projects", queued: await deps.store.now(), correlation } as const;
      await deps.store.commit({ jobs: [createObserveJob(read, job.id)] });
      return DONE;
    }
    const { project: named } = delivery.data;
    const id = typeof named === "string" ? named : named.id;
    const [project] = await deps.store.read<ProjectRecord>([observedKeys.project(id)]);
    if (!project) {
      const [unfollowed] = await deps.store.read([observedKeys.unfollowed(id)]);
      return unfollowed ? DONE : holdWebhook(deps, job, body, id);
    }
    if (!isReadableProject(project.value)) return DONE;
    if (!project.value.baseline) return holdWebhook(deps, job, body, id);
    if (delivery.event === "issue_comment" && (await isAheadOfItem(deps, job, delivery.data)))
      return { retryAt: (await deps.store.now()) + HOLD_STEP_MS };
    await observeDelivery(deps, delivery, { project: project.value, correlation, cause: job.id });
    return DONE;
  },
};

/**
 * Whether a comment has come before the webhook that creates or assigns its item, which waits in another queue. It is
 * looked for three times; then the item is read from Plane, or the comment is for no agent.
 */
async function isAheadOfItem(
  { store, settings }: Deps,
  { tries }: LeasedJob,
  { issue, created_at }: { issue: string; created_at: string },
): Promise<boolean> {
  if (tries > MAX_ITEM_WAITS || settings.agents.length === 0) return false;
  const [item] = await store.read<ItemRecord>([observedKeys.item(issue)]);
  return !item || (!item.value.owners?.length && item.value.snapshot.updatedAt < created_at);
}

/**
 * Holds a webhook until the first complete read of its project (observation rule 9). When a read since then did not
 * list the project, it is not followed: this webhook and those of the next ten minutes are dropped, so that a busy
 * project which is not followed does not cost a read for each webhook.
 */
async function holdWebhook(deps: Deps, job: LeasedJob, { correlation }: InboxBody, projectId: string) {
  const { store } = deps;
  const key = `waiting-webhook:${job.id}`;
  const now = await store.now();
  const [[lastRead], [project], [held]] = await Promise.all([
    store.read<ProjectsReadRecord>([observedKeys.projectsRead]),
    store.read<ProjectRecord>([observedKeys.project(projectId)]),
    store.read<{ since: Ms }>([key]),
  ]);
  const since = held?.value.since ?? now;
  if (!project && lastRead && lastRead.value.at >= since) {
    deps.log.info("webhook ignored: project not followed", { correlation, project: projectId });
    const note = { key: observedKeys.unfollowed(projectId), value: true, expires: UNFOLLOWED_RETENTION_MS };
    await store.commit({ put: [note] });
    return DONE;
  }
  await store.commit({
    put: [{ key, value: { since }, expires: UNFOLLOWED_RETENTION_MS }],
    jobs: [createObserveJob({ type: "projects", queued: now, correlation }, `hold:${job.id}`)],
  });
  return { retryAt: now + HOLD_STEP_MS * Math.min(job.tries, MAX_HOLD_STEPS) };
}

async function observeDelivery(
  deps: Deps,
  delivery: Exclude<WebhookDelivery, { event: "other" | "project" }>,
  source: ObservationSource,
): Promise<void> {
  switch (delivery.event) {
    case "cycle": {
      const read = { type: "cycles", project: source.project.id, correlation: source.correlation } as const;
      await deps.store.commit({ jobs: [createObserveJob(read, source.cause)] });
      return;
    }
    case "issue": {
      const { data } = delivery;
      const isInTriage = typeof data.state === "object" && data.state?.group === "triage";
      // Plane does not list these (observation rule 4).
      if (data.archived_at || data.is_draft || isInTriage) {
        const { project, correlation, cause } = source;
        const queued = await deps.store.now();
        const read = { type: "read", project: project.id, item: data.id, queued, correlation } as const;
        await deps.store.commit({ jobs: [createObserveJob(read, `${cause}:${queued}`, queued)] });
        return;
      }
      const snapshot = await normalizeItem(deps, data);
      const { cursor, began } = source.project;
      const observation = { via: "webhook", snapshot, covered: cursor > began ? cursor : began } as const;
      await observeItem(deps, data.id, observation, { ...source, hint: toActorHint(delivery) });
      return;
    }
    case "issue_comment": {
      const actor = delivery.activity?.actor;
      // A person who joined a moment ago is known without a request.
      if (actor?.email) await cachePerson(deps, actor.id, { name: actor.display_name, email: actor.email });
      const item = await findOrReadItem(deps, delivery.data.issue, source);
      if (!item || item.removedAt !== undefined || item.snapshot.quiet) return;
      const { read } = await observeComment(deps, item, delivery.data, source);
      if (read) await requestItemDetails(deps, delivery.data.issue, source, "comments");
    }
  }
}

/** Returns the stored item; reads it from Plane first when a comment's webhook arrives before that of its item. */
async function findOrReadItem(deps: Deps, id: string, source: ObservationSource): Promise<ItemRecord | undefined> {
  const readStored = async () => (await deps.store.read<ItemRecord>([observedKeys.item(id)]))[0]?.value;
  const found = await readStored();
  if (found) return found;
  await readItem(deps, id, source);
  return readStored();
}

/** Returns the actor and the changed field that the webhook names; undefined when it names no actor. */
function toActorHint({ activity }: Extract<WebhookDelivery, { event: "issue" }>): ActorHint | undefined {
  if (!activity?.actor) return undefined;
  const { id: actor, display_name: name } = activity.actor;
  return { field: activity.field, value: activity.new_value, actor: { id: actor, name } };
}
