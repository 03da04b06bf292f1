import type { Deps, JobHandler } from "../../shared/app/deps.ts";
import { isCanary } from "../../shared/canary/canary-record.ts";
import { handleCanaryWebhook } from "../../shared/canary/canary-webhook.ts";
import { type InboxBody, inboxBodySchema, upgradeInboxBody } from "../../shared/jobs/inbox-jobs.ts";
import {
  createCommentsJob,
  createItemReadJob,
  createReadCyclesJob,
  createReadProjectsJob,
} from "../../shared/jobs/observe-jobs.ts";
import { observeComment } from "../../shared/observe/comments.ts";
import { normalizeItem } from "../../shared/observe/normalize.ts";
import { type ObservationSource, observeItem } from "../../shared/observe/observe-item.ts";
import { isReadableProject } from "../../shared/observe/projects.ts";
import { readItem } from "../../shared/observe/read-item.ts";
import { observedKeys } from "../../shared/observe/store-keys.ts";
import type { KeptProject, KeptProjectsRead, KeptWorkspace } from "../../shared/observe/stored-records.ts";
import { parseWebhookDelivery, toActorHint, type WebhookDelivery } from "../../shared/observe/webhook-delivery.ts";
import type { LeasedJob, Settlement } from "../../shared/store/port.ts";
import type { KeptItem } from "../../shared/task/snapshot.ts";
import { MINUTE, type Ms } from "../../shared/time.ts";

const DONE: Settlement = { done: true };

/** A held webhook asks again so much later whether its project's baseline is over, and each time a second later. */
const HOLD_STEP_MS = 1000;
/** At most so many seconds: many that wait for a project that cannot be read must not keep us busy. */
const MAX_HOLD_STEPS = 30;

/** So long nobody asks Plane again about a project that it did not list to us. */
const UNFOLLOWED_RETENTION_MS = 10 * MINUTE;

/** Works the kept webhooks: each is an observation of what it names, and nothing more. */
export const inboxHandler: JobHandler = {
  queue: "inbox",
  // Worked twice is worked once (the same ids, the same commits): short, so that a dead process delays nothing for long.
  leaseMs: 30_000,
  concurrency: 8,
  async handle(deps, job) {
    const body = inboxBodySchema.parse(upgradeInboxBody(job));
    const parsed = parseWebhookDelivery(body.raw);
    if ("problem" in parsed) {
      // Plane signed it, so something has changed: as with one that was not kept, the poll finds what.
      deps.requestPoll("a webhook was not understood");
      return { dead: parsed.problem };
    }
    const delivery = parsed.delivery;
    const [workspace] = await deps.store.read<KeptWorkspace>([observedKeys.workspace]);
    if (!workspace?.value.id) return holdWebhook(deps, job, body, "workspace");
    if (workspace.value.id !== delivery.workspace_id) {
      deps.log.warn("webhook of another workspace", {
        correlation: body.correlation,
        workspace: delivery.workspace_id,
      });
      return DONE;
    }
    if (delivery.event === "other") return DONE;
    if (delivery.event === "issue_comment" && isCanary(delivery.data)) {
      await handleCanaryWebhook(deps, delivery.data.comment_html, body.correlation);
      return DONE;
    }
    if (delivery.event === "project") {
      const cause = { cause: job.id, correlation: body.correlation };
      await deps.store.commit({ jobs: [createReadProjectsJob(cause, await deps.store.now())] });
      return DONE;
    }
    const id = getProjectId(delivery);
    const [project] = await deps.store.read<KeptProject>([observedKeys.project(id)]);
    if (!project) {
      const [unfollowed] = await deps.store.read([observedKeys.unfollowed(id)]);
      return unfollowed ? DONE : holdWebhook(deps, job, body, id);
    }
    if (!isReadableProject(project.value)) return DONE;
    if (!project.value.baseline) return holdWebhook(deps, job, body, id);
    await observeDelivery(deps, delivery, { project: project.value, correlation: body.correlation, cause: job.id });
    return DONE;
  },
};

function getProjectId(delivery: Exclude<WebhookDelivery, { event: "other" | "project" }>): string {
  const { project } = delivery.data;
  return typeof project === "string" ? project : project.id;
}

/**
 * Until a project's first complete read its webhooks wait (rule 9). One whose project Plane did not list to us in a
 * reading since the webhook was first held is not ours to follow, nor are those of the next ten minutes: a busy project
 * beside ours must not cost a reading each.
 */
async function holdWebhook(
  deps: Deps,
  job: LeasedJob,
  { correlation }: InboxBody,
  projectId: string,
): Promise<Settlement> {
  const { store } = deps;
  const key = `held:${job.id}`;
  const now = await store.now();
  const [[lastRead], [project], [held]] = await Promise.all([
    store.read<KeptProjectsRead>([observedKeys.projectsRead]),
    store.read<KeptProject>([observedKeys.project(projectId)]),
    store.read<{ since: Ms }>([key]),
  ]);
  const since = held?.value.since ?? now;
  if (!project && lastRead && lastRead.value.at >= since) {
    deps.log.info("webhook of a project that is not followed", { correlation, project: projectId });
    await store.commit({
      put: [{ key: observedKeys.unfollowed(projectId), value: true, expires: UNFOLLOWED_RETENTION_MS }],
    });
    return DONE;
  }
  await store.commit({
    put: [{ key, value: { since }, expires: UNFOLLOWED_RETENTION_MS }],
    jobs: [createReadProjectsJob({ cause: `hold:${job.id}`, correlation }, now)],
  });
  return { retryAt: now + HOLD_STEP_MS * Math.min(job.tries, MAX_HOLD_STEPS) };
}

async function observeDelivery(
  deps: Deps,
  delivery: Exclude<WebhookDelivery, { event: "other" | "project" }>,
  source: ObservationSource,
): Promise<void> {
  switch (delivery.event) {
    case "cycle":
      await deps.store.commit({ jobs: [createReadCyclesJob(source.project.id, source.cause, source.correlation)] });
      return;
    case "issue": {
      const { data } = delivery;
      if (data.archived_at || data.is_draft || isInTriage(data.state)) {
        const at = await deps.store.now();
        await deps.store.commit({ jobs: [createItemReadJob(source.project.id, data.id, source, at)] });
        return;
      }
      const snapshot = await normalizeItem(deps, data);
      const { cursor, began } = source.project;
      const coveredUntil = cursor > began ? cursor : began;
      await observeItem(
        deps,
        data.id,
        { via: "webhook", snapshot, covered: coveredUntil },
        { ...source, hint: toActorHint(delivery) },
      );
      return;
    }
    case "issue_comment": {
      const item = await findOrReadItem(deps, delivery.data.issue, source);
      if (!item || item.gone !== undefined || item.snapshot.quiet) return;
      const { read } = await observeComment(deps, item, delivery.data, source);
      if (read) await deps.store.commit({ jobs: [createCommentsJob(source.project.id, delivery.data.issue, source)] });
    }
  }
}

/** Like archived items and drafts, those that wait for triage are not listed (rule 4). */
function isInTriage(state: Extract<WebhookDelivery, { event: "issue" }>["data"]["state"]): boolean {
  return typeof state === "object" && state?.group === "triage";
}

/** A comment may come before its item's own webhook; then the item is read first. */
async function findOrReadItem(deps: Deps, id: string, source: ObservationSource): Promise<KeptItem | undefined> {
  const readKept = async () => (await deps.store.read<KeptItem>([observedKeys.item(id)]))[0]?.value;
  const found = await readKept();
  if (found) return found;
  await readItem(deps, id, source);
  return readKept();
}
