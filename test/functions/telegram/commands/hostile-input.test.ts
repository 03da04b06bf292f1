import * as fc from "fast-check";
import { expect, test } from "vitest";
import { pickSize } from "../../../reliability/random-source.ts";
import { createCommandsApp } from "./commands-app.ts";

const HOSTILE_TEXTS = [
  ...["<b>bold</b>", "_*[x](https://evil.example)", "\u202egnp.exe\u2066", "$(id) `ls`", "a\nb", "; --flag"],
  ...["\u001b[31m", "@durov #tag /plane cancel ONB-1", "evil.example", "😀".repeat(40), "\ud83d", "x".repeat(250)],
  ...['"quoted" «ainsi»', "   "],
];
const title = fc
  .oneof(
    fc.string({ unit: "binary", maxLength: 80 }),
    fc.array(fc.constantFrom(...HOSTILE_TEXTS), { minLength: 1, maxLength: 4 }).map((parts) => parts.join(" ")),
  )
  .map((text) => text.toWellFormed().replaceAll("\u0000", "").slice(0, 255).toWellFormed());
const ALLOWED_ENTITIES = ["bold", "code", "text_link"];

test("hostile titles, names and words stay text in every reply, and Telegram accepts each (reliability 18)", {
  timeout: 300_000,
}, async () => {
  const titles = fc.array(title, { minLength: 1, maxLength: 6 });
  await fc.assert(fc.asyncProperty(titles, title, tryCommands), { numRuns: pickSize(300, 4) });
});

async function tryCommands(titles: string[], word: string) {
  const app = await createCommandsApp();
  for (const name of titles) app.addTask(name.trim() === "" ? "?" : name, "Imhotep");
  await app.runFirstPoll();
  const commandTexts = [
    "/plane status",
    "/plane project ONB",
    "/plane agent Imhotep",
    "/plane task ONB-1",
    `/plane task ${word}`,
    `/plane project ${word}`,
    `/plane ${word}`,
    `/plane new ONB ${word}`,
    `/plane assign ONB-1 ${word}`,
    `/plane mute ${word}`,
    `/plane block ONB-1 ${word}`,
  ];
  for (const text of commandTexts) expect((await app.sendMessage(text)).length, text).toBe(1);
  expect(app.telegram.calls.filter(({ outcome }) => outcome !== "ok" && outcome !== "429")).toEqual([]);
  // No line break of others, no bidirectional mark and no control character of a terminal.
  for (const { text } of app.getBotMessages())
    expect(text).not.toMatch(/[\u202a-\u202e\u2066-\u2069\u200e\u200f]|[^\P{Cc}\n]/u);
  const types = app.getBotMessages().flatMap(({ entities }) => entities.map(({ type }) => type));
  expect(types.filter((type) => !ALLOWED_ENTITIES.includes(type))).toEqual([]);
  const links = app.getBotMessages().flatMap(({ entities }) => entities.flatMap(({ url }) => url ?? []));
  expect(links.filter((url) => !url.startsWith(app.plane.url))).toEqual([]);
  expect((await app.store.listDeadJobs("updates")).concat(await app.store.listDeadJobs("outbox"))).toEqual([]);
}
