import { GroundcrewError } from "../../../shared/errors.ts";
import { data } from "../../../shared/telegram/data.ts";
import { lookJob } from "../../../shared/telegram/look.ts";
import { plain } from "../../../shared/telegram/text.ts";
import { keptTask, readAfresh, type Task } from "../../../shared/work/find.ts";
import { workKeys } from "../../../shared/work/keys.ts";
import { approveReview, sendBack } from "../../../shared/work/review.ts";
import type { KeptReview, KeptVerdict } from "../../../shared/work/review-record.ts";
import { isInReview } from "../../../shared/work/there.ts";
import { actingFor, type Heard, type Outcome, type Press } from "../handler.ts";
import { filled } from "../locales/say.ts";
import { type Live, liveKey, livePut } from "./kept.ts";
import type { LiveReview } from "./review.ts";
import { changedFields, seenOf, shownHash } from "./seen.ts";

/**
 * A verdict on what the message showed. `ok` approves it, `back` asks why, `now` sends it back without a reason. What
 * changed since is not judged but shown anew.
 */
export const pressVerdict: Press = async (heard, { messageId, arg }) => {
  const { deps, chat, look } = heard;
  const [what = "", hash = ""] = arg.split(".", 2);
  const [row] = await deps.store.read<Live>([liveKey(chat, messageId)]);
  if (!row || !("review" in row.value)) return { toast: look.texts.answers.old };
  const live = row.value;
  const standing = await standingOf(heard, live);
  if (typeof standing === "string") return { toast: standing, jobs: [again(heard, live)] };
  const seen = await seenOf(standing.item.snapshot);
  if (hash !== (await shownHash(live.review, live.event, seen))) {
    const title = standing.item.snapshot.name;
    const { asking: _, ...rest } = live;
    const changed = [...new Set([...(live.changed ?? []), ...changedFields(live.seen, seen)])];
    const anew: Live = { ...rest, seen, changed, subject: { ...live.subject, title } };
    return { ...shown(heard, messageId, row.rev, anew), toast: toastOf(heard, "changed", live) };
  }
  if (what === "back") {
    const asking: Live = { ...live, asking: true };
    return { ...shown(heard, messageId, row.rev, asking), toast: toastOf(heard, "reason", live) };
  }
  await judge(heard, standing, what === "ok" ? "approved" : "sent_back", "");
  return { toast: toastOf(heard, what === "ok" ? "approved" : "sentBack", live), jobs: [again(heard, live)] };
};

/** What people write instead of pressing Approve; to be sent back for "ok" is not what they want. */
const APPROVED = /^(?:ok|okay|approved?|approuver|approuvée?|👍\p{Emoji_Modifier}?|✅)[.!]*$/iu;

/**
 * A reply to a review: a word of approval is the press of Approve, anything else says what is missing. A reply does not
 * tell which version of the message it answers, so where there were several only the button approves.
 */
export async function judgedBy(
  heard: Heard,
  live: LiveReview,
  { to, text }: { to: number; text: string },
): Promise<Outcome> {
  if (live.asking || !APPROVED.test(text.trim())) return reasonFor(heard, live, text);
  if (live.changed) return { say: { rich: plain(toastOf(heard, "changed", live)) } };
  const hash = await shownHash(live.review, live.event, live.seen);
  const { toast, ...outcome } = await pressVerdict(heard, { messageId: to, id: live.subject.id, arg: `ok.${hash}` });
  return { ...outcome, ...(toast !== undefined && { say: { rich: plain(toast) } }) };
}

/** Sends it back with what was replied. What is written is about the work, so it counts whatever changed since. */
async function reasonFor(heard: Heard, live: LiveReview, reason: string): Promise<Outcome> {
  const standing = await standingOf(heard, live);
  if (typeof standing === "string") return { say: { rich: plain(standing) }, jobs: [again(heard, live)] };
  await judge(heard, standing, "sent_back", reason);
  return { jobs: [again(heard, live)] };
}

/** The task as Plane has it now, when this very review waits for a verdict; else why there is none to give. */
async function standingOf(heard: Heard, live: LiveReview): Promise<Task | string> {
  const { deps, look, from } = heard;
  const [[kept], [verdict], task] = await Promise.all([
    deps.store.read<KeptReview>([workKeys.review(live.subject.id)]),
    deps.store.read<KeptVerdict>([workKeys.judged(live.review)]),
    keptTask(deps, live.subject.id),
  ]);
  const { over } = look.texts.live.toast;
  const waits = task !== undefined && kept?.value.id === live.review;
  if (verdict) {
    const { kind, by, reason } = verdict.value;
    // Heard before and ended in it: it is gone on with as if it were the first time.
    if (waits && by === from.name) await judge(heard, task, kind, reason ?? "");
    return toastOf(heard, kind === "approved" ? "approved" : "sentBack", live);
  }
  if (!waits) return over;
  const fresh = await readAfresh(actingFor(heard), task).catch((thrown: unknown) => {
    if (thrown instanceof GroundcrewError && thrown.code === "not_found") return undefined;
    throw thrown;
  });
  return fresh && isInReview(fresh.item) ? fresh : over;
}

async function judge(heard: Heard, task: Task, kind: KeptVerdict["kind"], reason: string): Promise<void> {
  const acting = actingFor(heard);
  await (kind === "approved" ? approveReview(acting, task) : sendBack(acting, task, reason));
}

/** Keeps what the message is to show, and has it shown. */
function shown(heard: Heard, messageId: number, rev: number, live: Live): Outcome {
  const { chat } = heard;
  return {
    expect: [[liveKey(chat, messageId), rev]],
    put: [livePut(chat, messageId, live, false)],
    jobs: [again(heard, live)],
  };
}

function again({ chat, id, correlation }: Heard, { subject }: Live) {
  return lookJob(chat, subject.id, `heard.${id}`, correlation);
}

function toastOf({ look }: Heard, which: "approved" | "sentBack" | "reason" | "changed", { subject }: Live): string {
  return filled(look.texts.live.toast[which], { key: data(subject.key, 40) }).text;
}
