import { cleanText } from "../../../shared/clean-text.ts";
import { joinRichText, type RichText, toLink, toPlainText } from "../../../shared/telegram/rich-text.ts";
import type { DeliveryContext } from "../delivery/context.ts";
import { fillTemplate } from "../presentation/fill-template.ts";
import { toSafeLines } from "./text-lines.ts";

/**
 * Renders a text of others as plain lines, of which at most `limit` UTF-16 units are shown. A person decides about the
 * whole text, so a shortened one says so and links to the page.
 */
export function renderLongText({ deps, presentation }: DeliveryContext, text: string, limit: number): RichText[] {
  const lines = toSafeLines(text, limit);
  const isShortened = cleanText(text, text.length).length > limit || lines.at(-1)?.text === "…";
  if (!isShortened) return lines;
  const { ticket: texts } = presentation.texts.live;
  const page = findPageLink(deps.settings.publicUrl, "/", texts.page, presentation.origins);
  return [...lines, page ? fillTemplate(texts.shortened.onPage, { page }) : toPlainText(texts.shortened.inPlane)];
}

/** Renders a link to a path of the page; undefined where its address is not known, or is none that Telegram accepts. */
export function findPageLink(
  publicUrl: string | undefined,
  path: string,
  label: string,
  origins: readonly string[],
): RichText | undefined {
  const link = publicUrl === undefined ? undefined : toLink(label, new URL(path, publicUrl).href, origins);
  return link && link.entities.length > 0 ? joinRichText([link]) : undefined;
}
