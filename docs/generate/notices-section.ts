import { getTexts } from "../../shared/i18n/texts.ts";
import { getNoticeRules, NOTICE_KINDS, type NoticeKind } from "../../shared/notice-kinds.ts";
import { MINUTE, SECOND } from "../../shared/time.ts";
import { escapeProse, renderCode, renderTable } from "./markdown.ts";

/** A row for each kind of operational notice: what begins it, how soon people are told, and what it says to do. */
export function renderNotices(): string {
  const { kinds } = getTexts("en").notices;
  const rows = (Object.keys(NOTICE_KINDS) as NoticeKind[]).map((kind) => {
    const { observed, after } = getNoticeRules(kind);
    return [
      renderCode(kind),
      escapeProse(observed),
      formatDelay(after),
      escapeProse(kinds[kind].remedy.replace("{remedy}", "As the alert says.")),
    ];
  });
  return renderTable(["Notice", "Begins when", "Said after", "Remedy"], rows);
}

function formatDelay(after: number): string {
  if (after === 0) return "at once";
  return after < MINUTE ? `${after / SECOND} s` : `${after / MINUTE} min`;
}
