import { expect, test } from "vitest";
import { problemWith } from "../../../demo/telegram/payload.ts";
import { pagesOf } from "../../../functions/telegram/digest/pages.ts";
import { join, link } from "../../../shared/telegram/text.ts";

const PLANE = "https://plane.example.com";

test("a page of the digest ends where Telegram takes no more links", () => {
  const url = `${PLANE}/${"workspace".repeat(10)}/browse/ONB-1/`;
  const lines = Array.from({ length: 125 }, (_, n) => join(["• ", link(`ONB-${n}`, url, [PLANE])]));
  const pages = pagesOf(lines, 20);
  expect(pages.map(({ text, entities }) => problemWith(text, entities))).toEqual(pages.map(() => undefined));
  expect(Math.max(...pages.map(({ entities }) => entities.length))).toBeLessThanOrEqual(100);
  expect(pages.map(({ text }) => text).join("\n")).toBe(lines.map(({ text }) => text).join("\n"));
  expect(pages.flatMap(({ entities }) => entities)).toHaveLength(125);
});
