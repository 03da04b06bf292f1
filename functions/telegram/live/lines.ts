import { cleanedText } from "../../../shared/clean.ts";
import { data } from "../../../shared/telegram/data.ts";
import { join, link, plain, type RichText } from "../../../shared/telegram/text.ts";
import type { Look } from "../details.ts";
import type { Work } from "../work.ts";
import type { Subject } from "./kept.ts";

/** `ONB-12 Write the welcome mail`, as a link. */
export function subjectLine({ key, title, url }: Pick<Subject, "key" | "title" | "url">, { origins }: Look): RichText {
  const parts = [data(key), data(title, 256)].filter(({ text }) => text !== "");
  return link(join(parts, " "), url, origins);
}

/** Somebody's text with its own lines; at most so many UTF-16 units and twenty lines are taken. */
export function linesOf(text: string, limit: number): RichText[] {
  const lines = cleanedText(text, limit)
    .split("\n")
    .map((line) => data(line, limit))
    .filter((line) => line.text !== "");
  return lines.length > 20 ? [...lines.slice(0, 20), plain("…")] : lines;
}

/** Whether what people press and reply in this chat is heard: it is the one of the settings. */
export function isHeardHere({ deps, chat }: Work): boolean {
  const where = deps.settings.telegram?.chat;
  return where !== undefined && String(where).toLowerCase() === String(chat).toLowerCase();
}
