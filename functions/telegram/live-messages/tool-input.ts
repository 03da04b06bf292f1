/** The tool that a session asks to run, with its input, in a message: whole where it fits. */

import type { RequestPart, RequestRecord } from "../../../shared/task/request.ts";
import { joinRichText, type RichText, toCode, toPlainText, toSafeText } from "../../../shared/telegram/rich-text.ts";
import { isWholeInput, shortenInput } from "../../../shared/tickets/tool-input.ts";
import { fillTemplate, type Presentation } from "../presentation/presentation.ts";
import type { WholePlace } from "./live-message.ts";

/**
 * Limits of the input that a message shows whole: 3,000 UTF-16 units, because Telegram's 4,096 have to hold the title
 * and the hint as well, and 40 lines, about what two screens of a phone show.
 */
export const CHAT_LIMITS = { units: 3_000, lines: 40, fields: 20 };

/** Limits of an input that does not fit: less, because it is read elsewhere before it is allowed. */
const SHORTENED_LIMITS = { units: 1_200, lines: 24, fields: 8 };

/** Where to allow a permission of which the message does not show all; undefined when it does. */
export function findWholePlace({ text, input, session }: RequestRecord): WholePlace | undefined {
  if (session?.isNotice) return "unknown";
  if (!isWholeInput(input)) return "terminal";
  const whole = { tool: text, fields: input };
  return shortenInput(whole, CHAT_LIMITS) === whole ? undefined : "page";
}

/** Renders a tool and its input. Values are code, in which Telegram detects no links and keeps all white space. */
export function renderTool(presentation: Presentation, tool: string, input: RequestPart[]): RichText[] {
  const { texts, format } = presentation;
  const { ticket } = texts.live;
  const whole = { tool, fields: input };
  const { fields } = shortenInput(whole, CHAT_LIMITS) === whole ? whole : shortenInput(whole, SHORTENED_LIMITS);
  const lines = fields.flatMap(({ label, value, leftOut, end = "" }) => {
    const isBlock = leftOut !== undefined || value.includes("\n");
    const name = joinRichText([findLabel(ticket.fields, label), texts.colon.trimEnd(), isBlock ? "\n" : " "]);
    const first = joinRichText([name, toCode(value === "" && leftOut === undefined ? '""' : value)]);
    if (leftOut === undefined) return [first];
    const gap = fillTemplate(ticket.leftOut, { n: format.number(leftOut) });
    return end === "" ? [first, gap] : [first, gap, toCode(end)];
  });
  return [toSafeText(tool), ...lines];
}

function findLabel(labels: Readonly<Record<string, string>>, name: string): RichText {
  const key = `field.${name}`;
  return Object.hasOwn(labels, key) ? toPlainText(labels[key] ?? "") : toSafeText(name);
}
