import { expect, test } from "vitest";
import { createStory } from "../../demo/story.ts";
import { NO_TELEGRAM_LIMITS, SIMULATED_CHAT, toItemKey } from "./simulators.ts";
import { NO_LIMITS } from "./test-manifest.ts";
import { createVirtualTimeApp } from "./virtual-time-app.ts";

/** Plane takes titles of up to 255 characters. */
const HOSTILE: [name: string, title: string, shown: string][] = [
  ["HTML", "<b>bold</b> <script>alert(1)</script>", "<b>bold</b> <script>alert(1)</script>"],
  ["Markdown", "_*[click](http://evil.example)*_ `code` ~~x~~", "_*[click](http:"],
  ["right-to-left marks", "pay \u202egnp.exe\u202c \u2066now\u2069\u200f", "pay gnp.exe now"],
  ["as many characters as Plane takes", "W".repeat(255), "W".repeat(199)],
  ["a command for a shell", "$(id) `id` ; rm -rf / && --flag | cat", "$(id) `id` ; rm -rf / && --flag | cat"],
  ["an option", "--flag=yes -rf", "--flag=yes -rf"],
  ["new lines", "one\ntwo\r\n✅ Completed: ONB-999 forged", "one two ✅ Completed: ONB-999 forged"],
  ["escape sequences", "\u001b[31mred\u001b[0m \u001b]0;title\u0007 \u009b2J", "[31mred"],
  ["what Telegram makes links of", "see evil.example @admin #tag /start $USD a@b.example", "see evil"],
];

test("18: hostile titles are shown as text in Telegram, and nothing in them becomes an entity", async () => {
  const house = await createVirtualTimeApp({
    outbox: { limits: NO_LIMITS, burstWindow: 0 },
    config: { notifications: [{ events: ["completed", "renamed", "comment_added"] }] },
    telegram: NO_TELEGRAM_LIMITS,
  });
  const { plane, telegram } = house;
  const project = house.addProject();
  const items = HOSTILE.map(([, title]) => plane.addItem(project, { name: title }));
  const renamed = plane.addItem(project, { name: "Plain" });
  await house.runFirstPoll();
  for (const [n, item] of items.entries()) {
    plane.editItem(item, { state: "Done" });
    plane.editItem(renamed, { name: HOSTILE[n]?.[1] ?? "" });
    plane.addComment(renamed, `<p>${HOSTILE[n]?.[1]}</p>`);
    await house.deliverWebhooks();
    await house.waitUntilIdle();
  }
  await house.runTick();
  await house.waitUntilIdle();

  const { messages } = telegram.chat(SIMULATED_CHAT);
  expect(messages.length).toBeGreaterThanOrEqual(HOSTILE.length * 2);
  for (const { text, entities } of messages) {
    // Only our own heads are bold, only our own words are links, and they lead to Plane.
    expect(entities.filter(({ type }) => type !== "bold" && type !== "text_link")).toEqual([]);
    for (const { type, offset, length, url } of entities) {
      if (type === "bold")
        expect(["Completed", "Renamed", "New comment"]).toContain(text.slice(offset, offset + length));
      else expect(url).toMatch(new RegExp(`^${plane.url}/`));
    }
    expect(text.replaceAll("\n", "")).not.toMatch(/\p{Cc}|[\u200e\u200f\u202a-\u202e\u2066-\u2069]/u);
  }
  for (const [n, [name, , shown]] of HOSTILE.entries()) {
    const item = items[n];
    const found = messages.filter(({ text }) => item && text.startsWith(`✅ Completed: ${toItemKey(project, item)} `));
    expect(found, name).toHaveLength(1);
    const title = found[0]?.text.split("\n")[0]?.replaceAll("\u2060", "") ?? "";
    expect(title).toContain(shown);
  }
  expect(messages.filter(({ text }) => /^✅ Completed: ONB-999/m.test(text))).toEqual([]);

  const told: string[] = [];
  const story = createStory({ write: (text) => told.push(text), colour: false });
  for (const line of house.lines) story.log(JSON.stringify(line));
  for (const { text } of messages) story.showChatMessage(text, false);
  for (const [, title] of HOSTILE) story.narrate("Plane", `thot starts ${title}`);
  expect(told.length).toBeGreaterThan(HOSTILE.length);
  expect(told.join("").replaceAll("\n", "")).not.toMatch(/\p{Cc}|[\u200e\u200f\u202a-\u202e\u2066-\u2069]/u);
});
