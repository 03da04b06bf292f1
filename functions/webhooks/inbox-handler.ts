import type { Deps, JobHandler } from "../../shared/app/deps.ts";
import { type InboxBody, inboxBodySchema, readReceivedBody } from "../../shared/jobs/incoming-jobs.ts";
import { parseJobBody } from "../../shared/jobs/job-body.ts";
import { createObserveJob } from "../../shared/jobs/observe-jobs.ts";
import { handleCanaryWebhook } from "../../shared/monitoring/canary.ts";
import {
  isReadableProject,
  type ProjectRecord,
  type ProjectsReadRecord,
  type WorkspaceRecord,
} from "../../shared/records/plane-records.ts";
import { observedKeys } from "../../shared/records/store-keys.ts";
import type { JobResult, LeasedJob } from "../../shared/store/port.ts";
import { observeComment } from "../../shared/sync/comments.ts";
import type { ActorHint, ObservationSource } from "../../shared/sync/event-facts.ts";
import { requestItemDetails } from "../../shared/sync/item-record.ts";
import { cachePerson } from "../../shared/sync/names.ts";
import { isCanary, normalizeItem, parseWebhookDelivery, type WebhookDelivery } from "../../shared/sync/normalize.ts";
import { observeItem, readItem } from "../../shared/sync/observe-item.ts";
import type { ItemRecord } from "../../shared/task/snapshot.ts";
import { MINUTE, type Ms } from "../../shared/time.ts";

const DONE: JobResult = { done: true };

/** Delay before a held webhook checks again for its project's baseline: 1 s, growing by 1 s with each try. */
const HOLD_STEP_MS = 1000;
/** Limit of that growth: 30 steps (30 s), because many webhooks may wait for a project that cannot be read. */
const MAX_HOLD_STEPS = 30;

/** Limit of waits for the item of a comment: 3. */
const MAX_ITEM_WAITS = 3;

/** Retention of the note that Plane does not list a project: 10 minutes, during which its webhooks cause no reads. */
const UNFOLLOWED_RETENTION_MS = 10 * MINUTE;

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
