import { GroundcrewError } from "../../errors.ts";
import { sha256Hex } from "../../hashing/sha256-hex.ts";
import type { WorkJobBody } from "../../jobs/work-jobs.ts";
import { GROUNDCREW_SOURCE } from "../../observe/comments.ts";
import { omitUndefined } from "../../omit-undefined.ts";
import { commentsApi } from "../../plane/comments.ts";
import { PlaneAuthError, PlaneConflictError, PlaneNotFoundError } from "../../plane/errors.ts";
import { MINUTE, type Ms } from "../../time.ts";
import { findClaim } from "../claims/claims.ts";
import type { WorkDeps } from "../context/call-context.ts";
import { workKeys } from "../context/work-keys.ts";
import { findKeptTask, type Task } from "../tasks/find-task.ts";
import { estimateTask } from "../time/estimates.ts";
import { getTaskSize } from "../time/task-size.ts";
import { type KeptTimes, sumTimes } from "../time/time-entries.ts";
import {
  applyHolder,
  CARD_EDIT_INTERVAL_MS,
  type KeptCard,
  queueCardWrite,
  readCard,
  updateCardRecord,
} from "./card-record.ts";
import { findCard, getCardExternalId, restoreCard } from "./find-card.ts";
import { renderCard } from "./render-card.ts";

/** All requests of one edit wait so long together: the job's lease is 120 s. */
const PATIENCE_MS: Ms = MINUTE;

/** What one edit can meet: it is gone, another store had written it, its name is another's, and then it is written. */
const MAX_ROUNDS = 5;

/**
 * Brings the agent card on the work item up to date, with Groundcrew's own key: one comment, edited in place. What
 * reads the same asks Plane nothing; edits nearer than 30 s to the last one are gathered into a later one; a comment
 * that people deleted is made anew; killed at any step and run again there is still one.
 */
export async function writeCard(
  deps: WorkDeps,
  { item, correlation }: Extract<WorkJobBody, { do: "card" }>,
): Promise<void> {
  const waitBudget = { left: PATIENCE_MS };
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const task = await findKeptTask(deps, item);
    if (!task || task.item.gone !== undefined) return;
    const [claim, now] = await Promise.all([findClaim(deps, item), deps.store.now()]);
    const card = await updateCardRecord(deps, item, (current) => {
      const { queued, ...rest } = applyHolder(current, claim);
      return queued !== undefined && now < queued ? undefined : rest;
    });
    if (card.queued !== undefined || (card.agent === undefined && card.comment === undefined)) return;
    const html = renderCard(await readCardView(deps, task, card, claim !== undefined));
    const hash = await sha256Hex(html);
    if (card.shown === hash) return;
    if (card.written !== undefined && now < card.written + CARD_EDIT_INTERVAL_MS)
      return queueCardWrite(deps, item, correlation);
    if ((await placeCard(deps, task, card, { html, hash, waitBudget })) === "done") return;
  }
  throw new GroundcrewError(
    "unavailable",
    `The agent card of ${item} changes while it is being written: it is tried again.`,
  );
}

async function readCardView(deps: WorkDeps, task: Task, card: KeptCard, isHeld: boolean) {
  const [times] = await deps.store.read<KeptTimes>([workKeys.time(task.id)]);
  const estimate = card.agent && (await estimateTask(deps, card.agent, getTaskSize(task.item.snapshot)));
  const running = (times?.value.entries ?? []).flatMap(({ agent, from, to }) =>
    to === undefined ? [{ agent, since: from }] : [],
  );
  const { budget } = deps.settings;
  return {
    card,
    held: isHeld,
    running,
    spent: times ? sumTimes(times.value) : {},
    ...omitUndefined({ estimate: estimate || undefined, currency: budget?.currency }),
  };
}

interface CardWrite {
  html: string;
  hash: string;
  waitBudget: { left: Ms };
}

/** `again`: what is kept of the card has changed instead, so it may read otherwise now. */
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
      // The key is another user's now, who may not edit what the one before wrote.
      isRefused ? { ...rest, apart: true } : rest,
    );
    return "again" as const;
  }
  return recordWritten(deps, task, comment, hash);
}

async function createCard(deps: WorkDeps, task: Task, card: KeptCard, writing: CardWrite): Promise<"done" | "again"> {
  const { html, hash, waitBudget } = writing;
  const external_id = await getCardExternalId(deps, task.id, card.apart ?? false);
  // Kept before it is sent: so that what a killed process has written is told from what a lost store had.
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
    deps.log.warn("agent card has another's name", { item: task.key, comment: thrown.id });
    await updateCardRecord(deps, task.id, ({ attempt: _, ...current }) => ({ ...current, apart: true }));
    return "again";
  }
}

/** Takes over the card that is there already, if one is: our own attempt, or what an earlier store had written. */
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
  await updateCardRecord(deps, task.id, ({ attempt: _, ...current }) => ({
    ...current,
    comment,
    shown: hash,
    written: now,
  }));
  return "done";
}
