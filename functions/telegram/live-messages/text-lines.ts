import { cleanText } from "../../../shared/clean-text.ts";
import { joinRichText, type RichText, toLink, toPlainText } from "../../../shared/telegram/rich-text.ts";
import { toSafeText } from "../../../shared/telegram/safe-text.ts";
import type { DeliveryContext } from "../delivery/context.ts";
import type { Presentation } from "../presentation/presentation.ts";
import type { TaskSubject } from "./live-message.ts";

/** Renders a task as a link: `ONB-12 Write the welcome mail`. */
export function renderSubjectLine(
  { key, title, url }: Pick<TaskSubject, "key" | "title" | "url">,
  { origins }: Presentation,
): RichText {
  const parts = [toSafeText(key), toSafeText(title, 256)].filter(({ text }) => text !== "");
  return toLink(joinRichText(parts, " "), url, origins);
}

/** Makes a text of others safe, line by line: at most `limit` UTF-16 units and twenty lines of it. */
export function toSafeLines(text: string, limit: number): RichText[] {
  const lines = cleanText(text, limit)
    .split("\n")
    .map((line) => toSafeText(line, limit))
    .filter((line) => line.text !== "");
  return lines.length > 20 ? [...lines.slice(0, 20), toPlainText("…")] : lines;
}

/** Buttons and replies are handled in the configured chat only. */
export function acceptsInputInChat({ deps, chat }: DeliveryContext): boolean {
  const configuredChat = deps.settings.telegram?.chat;
  return configuredChat !== undefined && String(configuredChat).toLowerCase() === String(chat).toLowerCase();
}
