import type { RichText } from "../../../shared/telegram/text.ts";
import { marked } from "../answer.ts";
import type { Work } from "../work.ts";
import type { Live, View } from "./kept.ts";
import { questionView } from "./question.ts";
import { reviewView } from "./review.ts";

/** What a message that waits for the human is to say now. */
export async function viewOf(work: Work, live: Live): Promise<View> {
  const view = "review" in live ? await reviewView(work, live) : await questionView(work, live);
  return live.repeat ? { ...view, rich: said(work, view, true) } : view;
}

/** Marked when it may be there twice. */
export function said({ look }: Work, { rich }: View, repeat: boolean): RichText {
  return repeat ? marked(rich, look.texts.repeat) : rich;
}
