import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { startDemo } from "../../demo/start.ts";
import { parse } from "../shared/config/given.ts";

/** What the chat must have heard at the end, each once: whoever did it and however it came to be known. */
const DUE = [
  "✅ Completed: ONB-1",
  "✅ Completed: ONB-2",
  "✅ Completed: ONB-3",
  "✅ Completed: ONB-4",
  "✅ Completed: ONB-5",
  "⛔ Blocked: ONB-6",
  "🏃 Cycle started: Sprint 1",
  "📁 New project: Website (WEB)",
  "✅ Completed: WEB-1",
  "✅ Completed: WEB-2",
  "🏁 Project completed: Website (WEB)",
];

test("npm start without settings tells the whole story, and the chat hears of each thing once", async () => {
  const folder = mkdtempSync(join(tmpdir(), "groundcrew-demo-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const parsed = parse({ PORT: "0" });
  if (!parsed.ok) throw new Error("the demo needs no settings");
  const told: string[] = [];
  const demo = await startDemo(parsed.settings, {
    write: (text) => void told.push(text),
    colour: false,
    pace: 400,
    folder: relative(process.cwd(), join(folder, "demo")),
  });
  onTestFinished(() => demo.stop());
  await demo.finished;

  const countOf = (head: string) =>
    demo.chat().reduce((sum, text) => sum + text.split("\n").filter((line) => plain(line).startsWith(head)).length, 0);
  for (const end = Date.now() + 45_000; DUE.some((head) => countOf(head) === 0) && Date.now() < end; )
    await new Promise((resolve) => setTimeout(resolve, 250));
  console.info(demo.chat().join("\n---\n"));
  expect(Object.fromEntries(DUE.map((head) => [head, countOf(head)]))).toEqual(
    Object.fromEntries(DUE.map((head) => [head, 1])),
  );
  const story = told.join("");
  expect(story).toContain("Plane  Ada adds a task for Imhotep");
  expect(story).toContain("Plane  imhotep starts ONB-");
  expect(story).toMatch(/crew {3}ONB-\d completed \(by webhook\): rule completed tasks → telegram:4711/);
  expect(story).toMatch(/crew {3}ONB-4 completed \(by reading\)/);
  expect(story).toContain("chat   a new message");
  expect(story).not.toContain("The script stopped");
  expect(story).toContain("The script is over");
}, 120_000);

/** Without the invisible marks that keep Telegram from making links. */
const plain = (text: string) => text.replaceAll("\u2060", "");
