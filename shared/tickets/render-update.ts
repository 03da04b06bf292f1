import { cleanLine } from "../clean-text.ts";
import type { Settings } from "../config/settings.ts";
import { localizeDuration, localizeMoney, localizeNumber } from "../i18n/localize.ts";
import { formatTemplate } from "../i18n/template.ts";
import { getTexts } from "../i18n/texts/get-texts.ts";
import { escapeHtml } from "../markdown/escape-html.ts";
import { toHtml } from "../markdown/to-html.ts";
import type { ObservedSession } from "./observed-session.ts";
import type { Ticket } from "./ticket.ts";

/** Limit of commits in the comment: 20; the branch has the others. */
const MAX_SHOWN_COMMITS = 20;
/** Limit of a branch's name and a commit's subject in UTF-16 units. */
const MAX_LINE_LENGTH = 200;

/** Renders the comment with a ticket's result: summary, branch, commits, size of the change, time and cost. */
export async function renderUpdate(
  { locale }: Pick<Settings, "locale">,
  { completion, approval }: Ticket,
  session: ObservedSession["session"] | undefined,
): Promise<string> {
  const { comments } = getTexts(locale);
  const texts = comments.ticket;
  const code = (text: string) => `<code>${escapeHtml(cleanLine(text, MAX_LINE_LENGTH))}</code>`;
  const number = (n: number) => localizeNumber(comments.locale, n);
  const lines: string[] = [];
  if (session && session.branch !== "") lines.push(formatTemplate(texts.branch, { branch: code(session.branch) }));
  if (session?.diff) {
    const { files, insertions, deletions } = session.diff;
    const values = { files: number(files), insertions: number(insertions), deletions: number(deletions) };
    lines.push(formatTemplate(texts.diff, values));
  }
  if (completion && approval)
    lines.push(
      formatTemplate(texts.time, { time: escapeHtml(localizeDuration(comments.locale, completion.at - approval.at)) }),
    );
  if (session?.cost_usd !== undefined)
    lines.push(formatTemplate(texts.cost, { cost: localizeMoney(comments.locale, session.cost_usd, "USD") }));
  const commits = (session?.commits ?? []).slice(0, MAX_SHOWN_COMMITS);
  const shown = commits.map(({ id, subject }) => {
    const text = escapeHtml(cleanLine(subject, MAX_LINE_LENGTH));
    return `<li>${code(id.slice(0, 12))} ${text}</li>`;
  });
  const heading = `<p><strong>${texts.heading}</strong></p>`;
  const summary = await toHtml(completion?.summary ?? "");
  const facts = lines.length > 0 ? `<p>${lines.join("<br>")}</p>` : "";
  const list = shown.length > 0 ? `<p>${texts.commits}</p><ul>${shown.join("")}</ul>` : "";
  return heading + summary + facts + list;
}
