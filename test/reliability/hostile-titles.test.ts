import { expect, test } from "vitest";
import { createStory } from "../../demo/story.ts";
import { NO_TELEGRAM_LIMITS, SIMULATED_CHAT, toItemKey } from "./simulators.ts";
import { NO_LIMITS } from "./test-manifest.ts";
import { createVirtualTimeApp } from "./virtual-time-app.ts";

/** Titles that attack some part of the output. Plane accepts up to 255 characters. */
const HOSTILE: [name: string, title: string, shown: string][] = [
  ["HTML", "<b>bold</b> <script>alert(1)</script>", "<b>bold</b> <script>alert(1)</script>"],
  ["Markdown", "_*[click](http://evil.example)*_ `code` ~~x~~", "_*[click](http:"],
  ["right-to-left marks", "pay \u202egnp.exe\u202c \u2066now\u2069\u200f", "pay gnp.exe now"],
  ["the maximum length in Plane", "W".repeat(255), "W".repeat(199)],
  ["a shell command", "$(id) `id` ; rm -rf / && --flag | cat", "$(id) `id` ; rm -rf / && --flag | cat"],
  ["an option", "--flag=yes -rf", "--flag=yes -rf"],
  ["new lines", "one\ntwo\r\n✅ Completed: ONB-999 forged", "one two ✅ Completed: ONB-999 forged"],
  ["escape sequences", "\u001b[31mred\u001b[0m \u001b]0;title\u0007 \u009b2J", "[31mred"],
  ["texts that Telegram turns into links", "see evil.example @admin #tag /start $USD a@b.example", "see evil"],
];

test("reliability 18: hostile titles are shown as text in Telegram, and no part of them becomes an entity", async () => {
  const app = await createVirtualTimeApp({
    outbox: { limits: NO_LIMITS, burstWindow: 0 },
    config: { notifications: [{ events: ["completed", "renamed", "comment_added"] }] },
    telegram: NO_TELEGRAM_LIMITS,
  });
  const { plane, telegram } = app;
  const project = app.addProject();
  const items = HOSTILE.map(([, title]) => plane.addItem(project, { name: title }));
  const renamed = plane.addItem(project, { name: "Plain" });
  await app.runFirstPoll();
  for (const [n, item] of items.entries()) {
    plane.editItem(item, { state: "Done" });
    plane.editItem(renamed, { name: HOSTILE[n]?.[1] ?? "" });
    plane.addComment(renamed, `<p>${HOSTILE[n]?.[1]}</p>`);
    await app.deliverWebhooks();
    await app.waitUntilIdle();
  }
  await app.runTick();
  await app.waitUntilIdle();

  const { messages } = telegram.chat(SIMULATED_CHAT);
  expect(messages.length).toBeGreaterThanOrEqual(HOSTILE.length * 2);
  for (const { text, entities } of messages) {
    // Only our headlines are bold, and only our own words are links, which lead to Plane.
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

  const output: string[] = [];
  const story = createStory({ write: (text) => output.push(text), colour: false });
  for (const line of app.lines) story.log(JSON.stringify(line));
  for (const { text } of messages) story.showChatMessage(text, false);
  for (const [, title] of HOSTILE) story.narrate("Plane", `thot starts ${title}`);
  expect(output.length).toBeGreaterThan(HOSTILE.length);
  expect(output.join("").replaceAll("\n", "")).not.toMatch(/\p{Cc}|[\u200e\u200f\u202a-\u202e\u2066-\u2069]/u);
});
