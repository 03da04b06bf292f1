import { expect, test } from "vitest";
import { joinRichText, MESSAGE_LIMIT, splitIntoMessages, toLink } from "../../../../shared/telegram/rich-text.ts";
import { findMessageProblem } from "../../../../simulators/telegram/message-payload.ts";

const PLANE = "https://plane.example.com";

test("a message of the digest ends where Telegram accepts no more links", () => {
  const url = `${PLANE}/${"workspace".repeat(10)}/browse/ONB-1/`;
  const lines = Array.from({ length: 125 }, (_, n) => joinRichText(["• ", toLink(`ONB-${n}`, url, [PLANE])]));
  const pages = splitIntoMessages(lines, MESSAGE_LIMIT - 20);
  expect(pages.map(({ text, entities }) => findMessageProblem(text, entities))).toEqual(pages.map(() => undefined));
  expect(Math.max(...pages.map(({ entities }) => entities.length))).toBeLessThanOrEqual(100);
  expect(pages.map(({ text }) => text).join("\n")).toBe(lines.map(({ text }) => text).join("\n"));
  expect(pages.flatMap(({ entities }) => entities)).toHaveLength(125);
});
