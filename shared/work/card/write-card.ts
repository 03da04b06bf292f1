import { GroundcrewError } from "../../errors.ts";
import { sha256Hex } from "../../hashing/sha256-hex.ts";
import { getTexts } from "../../i18n/texts/get-texts.ts";
import type { WorkJobBody } from "../../jobs/work-jobs.ts";
import { GROUNDCREW_SOURCE } from "../../observe/comments.ts";
import { omitUndefined } from "../../omit-undefined.ts";
import { commentsApi } from "../../plane/comments.ts";
import { PlaneAuthError, PlaneConflictError, PlaneNotFoundError } from "../../plane/errors.ts";
import { MINUTE, type Ms } from "../../time.ts";
import { findClaim } from "../claims/find-claim.ts";
import type { WorkDeps } from "../context/call-context.ts";
import { findKeptTask, type Task } from "../tasks/find-task.ts";
import { estimateTask } from "../time/estimates.ts";
import { getTaskSize } from "../time/task-size.ts";
import { readTaskTimes } from "../time/task-times.ts";
import {
  applyHolder,
  getEarliestEdit,
  type KeptCard,
  queueCardWrite,
  readCard,
  updateCardRecord,
} from "./card-record.ts";
import { findCard, getCardExternalId, restoreCard } from "./find-card.ts";
import { renderCard } from "./render-card.ts";

/** Limit of the total wait of an edit's requests: 1 min, because the job's lease is 2 min. */
const WAIT_BUDGET_MS: Ms = MINUTE;

/** Limit of rounds: the comment may be deleted, restored from a lost store or renamed before the edit succeeds. */
const MAX_ROUNDS = 5;

/**
 * Updates the agent card on the work item with Groundcrew's own key: one comment, edited in place. An unchanged text
 * makes no request to Plane; edits within 30 s of the last one are merged into a later one; a comment that people
 * deleted is created again. When the job is killed at any step and repeated, there is still one comment.
 */
export async function writeCard(
  deps: WorkDeps,
  { item, correlation }: Extract<WorkJobBody, { do: "card" }>,
): Promise<void> {
  const waitBudget = { left: WAIT_BUDGET_MS };
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const task = await findKeptTask(deps, item);
    if (!task || task.item.gone !== undefined) return;
    const [claim, now] = await Promise.all([findClaim(deps, item), deps.store.now()]);
    const card = await updateCardRecord(deps, item, (current) => {
      const { queued, ...rest } = applyHolder(current, claim);
      return queued !== undefined && now < queued ? undefined : rest;
    });
    const isShown = card.agent !== undefined || card.comment !== undefined || card.received !== undefined;
    const hasCard = isShown || card.planned === true;
    if (card.queued !== undefined || !hasCard) return;
    const html = renderCard(
      await readCardView(deps, task, card, claim !== undefined),
      getTexts(deps.settings.locale).card,
    );
    const hash = await sha256Hex(html);
    if (card.shown === hash) return;
    if (now < getEarliestEdit(card)) return queueCardWrite(deps, item, correlation);
    if ((await placeCard(deps, task, card, { html, hash, waitBudget })) === "done") return;
  }
  throw new GroundcrewError(
    "unavailable",
    `The agent card of ${item} changed while it was being written. It is written again later.`,
  );
}

async function readCardView(deps: WorkDeps, task: Task, card: KeptCard, isHeld: boolean) {
  const { stopped, running } = await readTaskTimes(deps, task.id);
  const estimate = card.agent && (await estimateTask(deps, card.agent, getTaskSize(task.item.snapshot)));
  const { budget, timezone } = deps.settings;
  return {
    card,
    held: isHeld,
    running,
    timezone,
    spent: stopped,
    ...omitUndefined({
      estimate: estimate || undefined,
      currency: budget?.currency,
      stopped: task.item.stopped,
    }),
  };
}

interface CardWrite {
  html: string;
  hash: string;
  waitBudget: { left: Ms };
}

/** Creates or edits the comment. `again` means that the stored card has changed instead and must be rendered anew. */
async function placeCard(deps: WorkDeps, task: Task, card: KeptCard, writing: CardWrite): Promise<"done" | "again"> {
  if (card.comment !== undefined) return editCard(deps, task, card.comment, writing);
  if (card.attempt !== undefined && (await takeOverCard(deps, task, writing))) return "again";
  return createCard(deps, task, card, writing);
}

async function editCard(deps: WorkDeps, task: Task, comment: string, { html, hash, waitBudget }: CardWrite) {
  const params = { project: task.project.id, item: task.id, comment };
  try {
    await deps.plane.call(commentsApi.update, { params, json: { comment_html: html }, waitBudget });
  } catch (thrown) {
    const isGone = thrown instanceof PlaneNotFoundError;
    const isRefused = thrown instanceof PlaneAuthError && thrown.reason === "permission";
    if (!isGone && !isRefused) throw thrown;
    await updateCardRecord(deps, task.id, ({ comment: _, shown: __, attempt: ___, ...rest }) =>
      // Groundcrew's key belongs to another user now, who may not edit comments of the previous one.
      isRefused ? { ...rest, apart: true } : rest,
    );
    return "again" as const;
  }
  return recordWritten(deps, task, comment, hash);
}

async function createCard(deps: WorkDeps, task: Task, card: KeptCard, writing: CardWrite): Promise<"done" | "again"> {
  const { html, hash, waitBudget } = writing;
  const external_id = await getCardExternalId(deps, task.id, card.apart ?? false);
  // Stored before it is sent, to distinguish a comment of a killed process from one of a lost store.
  await updateCardRecord(deps, task.id, (current) => ({ ...current, attempt: hash }));
  try {
    const { data } = await deps.plane.call(commentsApi.create, {
      params: { project: task.project.id, item: task.id },
      json: { comment_html: html, external_source: GROUNDCREW_SOURCE, external_id },
      waitBudget,
    });
    return await recordWritten(deps, task, data.id, hash);
  } catch (thrown) {
    if (thrown instanceof PlaneNotFoundError) return "done";
    if (!(thrown instanceof PlaneConflictError)) throw thrown;
    if (await takeOverCard(deps, task, writing)) return "again";
    if (card.apart) throw thrown;
    deps.log.warn("external id of the agent card is taken by another comment", { item: task.key, comment: thrown.id });
    await updateCardRecord(deps, task.id, ({ attempt: _, ...current }) => ({ ...current, apart: true }));
    return "again";
  }
}

/** Adopts an existing card: the result of our own interrupted attempt, or one that a lost store had written. */
async function takeOverCard(deps: WorkDeps, task: Task, { waitBudget }: CardWrite): Promise<boolean> {
  const found = await findCard(deps, task, { waitBudget });
  if (!found) return false;
  const current = await readCard(deps, task.id);
  if (found.hash === current?.attempt) await recordWritten(deps, task, found.comment, found.hash);
  else await restoreCard(deps, task, found);
  return true;
}

async function recordWritten(deps: WorkDeps, task: Task, comment: string, hash: string): Promise<"done"> {
  const now = await deps.store.now();
  await updateCardRecord(deps, task.id, ({ attempt: _, urgent, received, ...current }) => ({
    ...current,
    ...omitUndefined({ received }),
    // What was received during the write is shown by the next edit.
    ...omitUndefined({ urgent: current.queued !== undefined ? urgent : undefined }),
    comment,
    shown: hash,
    written: now,
  }));
  return "done";
}
