import { heardCanary } from "../../shared/canary/heard.ts";
import { isCanary } from "../../shared/canary/kept.ts";
import type { Deps, Worker } from "../../shared/deps.ts";
import { observeComment } from "../../shared/observe/comments.ts";
import { type Delivery, hintOf, type InboxBody, inboxBody, readDelivery } from "../../shared/observe/delivery.ts";
import { snapshotOf } from "../../shared/observe/door.ts";
import { observeItem, type Source } from "../../shared/observe/item.ts";
import { commentsJob, cyclesJob, projectsJob, readJob } from "../../shared/observe/jobs.ts";
import type { KeptProject, KeptProjectsRead, KeptWorkspace } from "../../shared/observe/kept.ts";
import { keys } from "../../shared/observe/keys.ts";
import { isReadable } from "../../shared/observe/projects.ts";
import { readItem } from "../../shared/observe/read.ts";
import type { Leased, Ms, Settlement } from "../../shared/store/port.ts";
import type { KeptItem } from "../../shared/task/snapshot.ts";

const DONE: Settlement = { done: true };

/** A held webhook asks again so much later whether its project's baseline is over, and each time a second later. */
const HOLD_MS = 1000;
/** At most so many seconds: many that wait for a project that cannot be read must not keep us busy. */
const LONGEST_HOLDS = 30;

/** So long nobody asks Plane again about a project that it did not list to us. */
const UNFOLLOWED_MS = 600_000;

/** Works the kept webhooks: each is an observation of what it names, and nothing more. */
export const inbox: Worker = {
  queue: "inbox",
  // Worked twice is worked once (the same ids, the same commits): short, so that a dead process delays nothing for long.
  ttl: 30_000,
  parallel: 8,
  async work(deps, job) {
    const body = inboxBody.parse(job.body);
    const parsed = readDelivery(body.raw);
    if ("problem" in parsed) {
      // Plane signed it, so something has changed: as with one that was not kept, the poll finds what.
      deps.askPoll("a webhook was not understood");
      return { dead: parsed.problem };
    }
    const told = parsed.delivery;
    const [workspace] = await deps.store.read<KeptWorkspace>([keys.workspace]);
    if (!workspace?.value.id) return hold(deps, job, body, "workspace");
    if (workspace.value.id !== told.workspace_id) {
      deps.log.warn("webhook of another workspace", { correlation: body.correlation, workspace: told.workspace_id });
      return DONE;
    }
    if (told.event === "other") return DONE;
    if (told.event === "issue_comment" && isCanary(told.data)) {
      await heardCanary(deps, told.data.comment_html, body.correlation);
      return DONE;
    }
    if (told.event === "project") {
      const cause = { cause: job.id, correlation: body.correlation };
      await deps.store.commit({ jobs: [projectsJob(cause, await deps.store.now())] });
      return DONE;
    }
    const id = projectOf(told);
    const [project] = await deps.store.read<KeptProject>([keys.project(id)]);
    if (!project) {
      const [unfollowed] = await deps.store.read([keys.unfollowed(id)]);
      return unfollowed ? DONE : hold(deps, job, body, id);
    }
    if (!isReadable(project.value)) return DONE;
    if (!project.value.baseline) return hold(deps, job, body, id);
    await observe(deps, told, { project: project.value, correlation: body.correlation, cause: job.id });
    return DONE;
  },
};

function projectOf(told: Exclude<Delivery, { event: "other" | "project" }>): string {
  const { project } = told.data;
  return typeof project === "string" ? project : project.id;
}

/**
 * Until a project's first complete read its webhooks wait (rule 9). One whose project Plane did not list to us in a
 * reading since the webhook was first held is not ours to follow, nor are those of the next ten minutes: a busy project
 * beside ours must not cost a reading each.
 */
async function hold(deps: Deps, job: Leased, { correlation }: InboxBody, what: string): Promise<Settlement> {
  const { store } = deps;
  const key = `held:${job.id}`;
  const now = await store.now();
  const [[read], [project], [held]] = await Promise.all([
    store.read<KeptProjectsRead>([keys.projectsRead]),
    store.read<KeptProject>([keys.project(what)]),
    store.read<{ since: Ms }>([key]),
  ]);
  const since = held?.value.since ?? now;
  if (!project && read && read.value.at >= since) {
    deps.log.info("webhook of a project that is not followed", { correlation, project: what });
    await store.commit({ put: [{ key: keys.unfollowed(what), value: true, expires: UNFOLLOWED_MS }] });
    return DONE;
  }
  await store.commit({
    put: [{ key, value: { since }, expires: UNFOLLOWED_MS }],
    jobs: [projectsJob({ cause: `hold:${job.id}`, correlation }, now)],
  });
  return { retryAt: now + HOLD_MS * Math.min(job.tries, LONGEST_HOLDS) };
}

async function observe(
  deps: Deps,
  told: Exclude<Delivery, { event: "other" | "project" }>,
  source: Source,
): Promise<void> {
  switch (told.event) {
    case "cycle":
      await deps.store.commit({ jobs: [cyclesJob(source.project.id, source.cause, source.correlation)] });
      return;
    case "issue": {
      const { data } = told;
      if (data.archived_at || data.is_draft || isInTriage(data.state)) {
        const at = await deps.store.now();
        await deps.store.commit({ jobs: [readJob(source.project.id, data.id, source, at)] });
        return;
      }
      const snapshot = await snapshotOf(deps, data);
      const { cursor, began } = source.project;
      const covered = cursor > began ? cursor : began;
      await observeItem(deps, data.id, { via: "webhook", snapshot, covered }, { ...source, hint: hintOf(told) });
      return;
    }
    case "issue_comment": {
      const item = await itemOf(deps, told.data.issue, source);
      if (!item || item.gone !== undefined || item.snapshot.quiet) return;
      const { read } = await observeComment(deps, item, told.data, source);
      if (read) await deps.store.commit({ jobs: [commentsJob(source.project.id, told.data.issue, source)] });
    }
  }
}

/** Like archived items and drafts, those that wait for triage are not listed (rule 4). */
function isInTriage(state: Extract<Delivery, { event: "issue" }>["data"]["state"]): boolean {
  return typeof state === "object" && state?.group === "triage";
}

/** A comment may come before its item's own webhook; then the item is read first. */
async function itemOf(deps: Deps, id: string, source: Source): Promise<KeptItem | undefined> {
  const kept = async () => (await deps.store.read<KeptItem>([keys.item(id)]))[0]?.value;
  const known = await kept();
  if (known) return known;
  await readItem(deps, id, source);
  return kept();
}
