import type { Row, Settlement } from "../../../shared/store/port.ts";
import { type Attempt, attemptKey } from "../chat.ts";
import { afterFailure, isLasting } from "../edit.ts";
import { room } from "../limits.ts";
import type { LookBody } from "../notice.ts";
import { why } from "../post.ts";
import { commitDone, later, type Work } from "../work.ts";
import { editedPuts } from "./edited.ts";
import { buttonsOf, hashOf, type Live, livePut, livesOf, messageOf, type View } from "./kept.ts";
import { followed } from "./progress.ts";
import { viewOf } from "./view.ts";

/**
 * Brings what the messages about a task say up to date: one call at a time, then it looks again, until all say what is
 * true. Done twice it is done once: what a message says already is not said again.
 */
export async function look(work: Work, { item, correlation }: LookBody): Promise<Settlement> {
  const { deps, chat } = work;
  for (const row of await livesOf(deps.store, chat, item)) {
    const view = await viewOf(work, row.value);
    const shown = await hashOf(view);
    if (shown !== row.value.shown) return edit(work, row, { view, shown, correlation });
    if (view.over) await keep(work, row, row.value, true);
  }
  return followed(work, item, correlation);
}

async function edit(
  work: Work,
  row: Row<Live>,
  { view, shown, correlation }: { view: View; shown: string; correlation: string },
): Promise<Settlement> {
  const { deps, bot, job, chat } = work;
  const messageId = messageOf(row.key);
  const wait = await room(deps.store, chat, work.limits);
  if (wait > 0) return later(work, wait);
  if (!work.inTime()) return later(work, 0);
  const outcome = await bot.edit(chat, messageId, view.rich, buttonsOf(view));
  const fields = { job: job.id, chat: String(chat), messageId, correlation };
  if (outcome.kind === "edited") {
    deps.log.info("telegram message edited", fields);
    await keep(work, row, { ...row.value, shown }, view.over, view);
    return later(work, 0);
  }
  deps.log.warn("telegram message not edited", { ...fields, outcome: outcome.kind, ...why(outcome) });
  // Somebody deleted it: there is nothing left to show, and a question can still be answered elsewhere.
  if (isLasting(outcome)) {
    await keep(work, row, row.value, true);
    return later(work, 0);
  }
  const [attempt] = await deps.store.read<Attempt>([attemptKey(job)]);
  return afterFailure(work, attempt, outcome);
}

/** Unless the message's record has moved on: then the next look sees to it. */
async function keep(work: Work, { key, rev }: Row<Live>, live: Live, over: boolean, view?: View): Promise<void> {
  const { chat, job } = work;
  const messageId = messageOf(key);
  await commitDone(work, {
    expect: [[key, rev]],
    put: [
      livePut(chat, messageId, live, over),
      ...(view ? await editedPuts(work, messageId, view) : []),
      { key: attemptKey(job), value: undefined },
    ],
  });
}
