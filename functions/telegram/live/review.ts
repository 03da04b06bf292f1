import { keys } from "../../../shared/observe/keys.ts";
import type { KeptItem } from "../../../shared/task/snapshot.ts";
import type { Button } from "../../../shared/telegram/bot.ts";
import { data } from "../../../shared/telegram/data.ts";
import { bold, cut, join, plain, type RichText } from "../../../shared/telegram/text.ts";
import { workKeys } from "../../../shared/work/keys.ts";
import type { KeptReview, KeptVerdict } from "../../../shared/work/review-record.ts";
import { isInReview } from "../../../shared/work/there.ts";
import { EVENT_EMOJI, STATUS_EMOJI } from "../emoji.ts";
import { filled } from "../locales/say.ts";
import type { Texts } from "../locales/texts.ts";
import type { Work } from "../work.ts";
import { type Live, ROOM, type View } from "./kept.ts";
import { isHeardHere, linesOf, subjectLine } from "./lines.ts";
import { shownHash } from "./seen.ts";

export type LiveReview = Extract<Live, { review: string }>;

/** A review as it stands: waiting for the human, judged by somebody, or over by itself. */
export async function reviewView(work: Work, live: LiveReview): Promise<View> {
  const { look, deps } = work;
  const { texts } = look;
  const { event, subject, review, seen, changed = [], asking = false } = live;
  const [[kept], [judged], [item]] = await Promise.all([
    deps.store.read<KeptReview>([workKeys.review(subject.id)]),
    deps.store.read<KeptVerdict>([workKeys.judged(review)]),
    deps.store.read<KeptItem>([keys.item(subject.id)]),
  ]);
  const percent = new Intl.NumberFormat(texts.locale, { style: "percent" }).format(event.confidence);
  const shown = [
    join([EVENT_EMOJI.review, " ", bold(texts.events.review), texts.colon, subjectLine(subject, look)]),
    filled(texts.live.sure, { agent: data(event.agent, 80), percent }),
    ...linesOf(event.text, 1_500),
  ];
  if (judged) return viewOf([...shown, ...verdictLines(judged.value, texts)]);
  const waits = kept?.value.id === review && (item === undefined || isInReview(item.value));
  if (!waits) {
    const word = texts.words[item?.value.snapshot.word ?? "done"];
    return viewOf([...shown, filled(texts.live.reviewOver, { word })]);
  }
  if (!isHeardHere(work)) return { ...viewOf(shown), over: false };
  const fields = changed.map((field) => fieldName(field, texts)).join(", ");
  const note = changed.length > 0 ? [join(["✏️ ", filled(texts.live.changed, { fields })])] : [];
  const hint = texts.live.hint[asking ? "reason" : "review"];
  return {
    ...viewOf([...shown, ...note, plain(hint)]),
    buttons: buttonsFor(subject.id, await shownHash(review, event, seen), asking, texts),
    over: false,
  };
}

function viewOf(lines: RichText[]): View {
  return { rich: cut(join(lines, "\n"), ROOM), over: true };
}

function verdictLines({ kind, by, reason }: KeptVerdict, { live, colon }: Texts): RichText[] {
  const [emoji, text] =
    kind === "approved" ? [STATUS_EMOJI.done, live.approved] : [EVENT_EMOJI.sent_back, live.sentBack];
  const head = join([`${emoji} `, bold(filled(text, { by: data(by, 80) }))]);
  return reason === null ? [head] : [join([head, colon]), ...linesOf(reason, 1_000)];
}

/** `review:<item>:<what>.<hash>`: it judges what this message showed, and nothing else. */
function buttonsFor(item: string, hash: string, asking: boolean, { live }: Texts): Button[][] {
  const button = (text: string, what: string) => ({ text, data: `review:${item}:${what}.${hash}` });
  if (asking) return [[button(live.withoutReason, "now")], [button(live.approve, "ok")]];
  return [[button(live.approve, "ok"), button(live.sendBack, "back")]];
}

function fieldName(field: string, { live, fields }: Texts): string {
  const names: Record<string, string> = {
    ...{ title: live.title, text: live.text, status: fields.status, priority: fields.priority },
    ...{ due: fields.due, assignees: fields.assignees },
  };
  return (names[field] ?? field).toLowerCase();
}
