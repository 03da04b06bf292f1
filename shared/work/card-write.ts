import { sha256Hex } from "../digest.ts";
import { GroundcrewError } from "../errors.ts";
import { OUR_SOURCE } from "../observe/comments.ts";
import { comments } from "../plane/comments.ts";
import { PlaneAuthError, PlaneConflictError, PlaneNotFoundError } from "../plane/errors.ts";
import type { Ms } from "../store/port.ts";
import type { WorkDeps } from "./acting.ts";
import { changeCard, GATHER_MS, type KeptCard, queueCard, readCard, seated } from "./card.ts";
import { cardId, findCard, takeBack } from "./card-find.ts";
import { cardHtml } from "./card-text.ts";
import { claimOf } from "./claims.ts";
import { estimateFor } from "./estimates.ts";
import { keptTask, type Task } from "./find.ts";
import type { WorkBody } from "./jobs.ts";
import { workKeys } from "./keys.ts";
import { sizeOf } from "./size.ts";
import { type KeptTimes, totalsOf } from "./time.ts";

/** All requests of one edit wait so long together: the job's lease is 120 s. */
const PATIENCE_MS: Ms = 60_000;

/** What one edit can meet: it is gone, another store had written it, its name is another's, and then it is written. */
const TURNS = 5;

/**
 * Brings the agent card on the work item up to date, with Groundcrew's own key: one comment, edited in place. What
 * reads the same asks Plane nothing; edits nearer than 30 s to the last one are gathered into a later one; a comment
 * that people deleted is made anew; killed at any step and run again there is still one.
 */
export async function writeCard(
  deps: WorkDeps,
  { item, correlation }: Extract<WorkBody, { do: "card" }>,
): Promise<void> {
  const patience = { left: PATIENCE_MS };
  for (let turn = 0; turn < TURNS; turn++) {
    const task = await keptTask(deps, item);
    if (!task || task.item.gone !== undefined) return;
    const [claim, now] = await Promise.all([claimOf(deps, item), deps.store.now()]);
    const card = await changeCard(deps, item, (kept) => {
      const { queued, ...rest } = seated(kept, claim);
      return queued !== undefined && now < queued ? undefined : rest;
    });
    if (card.queued !== undefined || (card.agent === undefined && card.comment === undefined)) return;
    const html = cardHtml(await viewOf(deps, task, card, claim !== undefined));
    const hash = await sha256Hex(html);
    if (card.shown === hash) return;
    if (card.written !== undefined && now < card.written + GATHER_MS) return queueCard(deps, item, correlation);
    if ((await place(deps, task, card, { html, hash, patience })) === "done") return;
  }
  throw new GroundcrewError(
    "unavailable",
    `The agent card of ${item} changes while it is being written: it is tried again.`,
  );
}

async function viewOf(deps: WorkDeps, task: Task, card: KeptCard, held: boolean) {
  const [times] = await deps.store.read<KeptTimes>([workKeys.time(task.id)]);
  const estimate = card.agent && (await estimateFor(deps, card.agent, sizeOf(task.item.snapshot)));
  const running = (times?.value.entries ?? []).flatMap(({ agent, from, to }) =>
    to === undefined ? [{ agent, since: from }] : [],
  );
  const { budget } = deps.settings;
  return {
    ...{ card, held, running, spent: times ? totalsOf(times.value) : {} },
    ...(estimate && { estimate }),
    ...(budget && { currency: budget.currency }),
  };
}

interface Writing {
  html: string;
  hash: string;
  patience: { left: Ms };
}

/** `again`: what is kept of the card has changed instead, so it may read otherwise now. */
async function place(deps: WorkDeps, task: Task, card: KeptCard, writing: Writing): Promise<"done" | "again"> {
  if (card.comment !== undefined) return edit(deps, task, card.comment, writing);
  if (card.attempt !== undefined && (await adopt(deps, task, writing))) return "again";
  return create(deps, task, card, writing);
}

async function edit(deps: WorkDeps, task: Task, comment: string, { html, hash, patience }: Writing) {
  const params = { project: task.project.id, item: task.id, comment };
  try {
    await deps.plane.call(comments.update, { params, json: { comment_html: html }, patience });
  } catch (thrown) {
    const gone = thrown instanceof PlaneNotFoundError;
    const refused = thrown instanceof PlaneAuthError && thrown.reason === "permission";
    if (!gone && !refused) throw thrown;
    await changeCard(deps, task.id, ({ comment: _, shown: __, attempt: ___, ...rest }) =>
      // The key is another user's now, who may not edit what the one before wrote.
      refused ? { ...rest, apart: true } : rest,
    );
    return "again" as const;
  }
  return written(deps, task, comment, hash);
}

async function create(deps: WorkDeps, task: Task, card: KeptCard, writing: Writing): Promise<"done" | "again"> {
  const { html, hash, patience } = writing;
  const external_id = await cardId(deps, task.id, card.apart ?? false);
  // Kept before it is sent: so that what a killed process has written is told from what a lost store had.
  await changeCard(deps, task.id, (kept) => ({ ...kept, attempt: hash }));
  try {
    const { data } = await deps.plane.call(comments.create, {
      params: { project: task.project.id, item: task.id },
      json: { comment_html: html, external_source: OUR_SOURCE, external_id },
      patience,
    });
    return await written(deps, task, data.id, hash);
  } catch (thrown) {
    if (thrown instanceof PlaneNotFoundError) return "done";
    if (!(thrown instanceof PlaneConflictError)) throw thrown;
    if (await adopt(deps, task, writing)) return "again";
    if (card.apart) throw thrown;
    deps.log.warn("agent card has another's name", { item: task.key, comment: thrown.id });
    await changeCard(deps, task.id, ({ attempt: _, ...kept }) => ({ ...kept, apart: true }));
    return "again";
  }
}

/** Takes over the card that is there already, if one is: our own attempt, or what an earlier store had written. */
async function adopt(deps: WorkDeps, task: Task, { patience }: Writing): Promise<boolean> {
  const found = await findCard(deps, task, { patience });
  if (!found) return false;
  const kept = await readCard(deps, task.id);
  if (found.hash === kept?.attempt) await written(deps, task, found.comment, found.hash);
  else await takeBack(deps, task, found);
  return true;
}

async function written(deps: WorkDeps, task: Task, comment: string, hash: string): Promise<"done"> {
  const now = await deps.store.now();
  await changeCard(deps, task.id, ({ attempt: _, ...kept }) => ({ ...kept, comment, shown: hash, written: now }));
  return "done";
}
