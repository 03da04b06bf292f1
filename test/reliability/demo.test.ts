import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { startDemo } from "../../demo/start.ts";
import { parseTestSettings } from "../support/settings.ts";
import { parseCompletions } from "./completions.ts";
import { IS_FULL_RUN } from "./random-source.ts";

/** Messages that the chat must contain besides completed tasks: a message, a line of one, or a count of 1. */
const EXPECTED_MESSAGES = [
  /^📁 (New project: |\d new projects?)/,
  /^🏁 (Project completed: |\d projects? completed)/,
  /^🏃 (Cycle|1 cycle) started/,
  /^Add a contact form to the website is done\./,
];

/** Number of webhooks and changes that are not processed, and of messages that are not sent. */
async function countUnsent(url: string): Promise<number> {
  const { queues } = (await (await fetch(`${url}/health`)).json()) as { queues: Record<string, { pending: number }> };
  return ["inbox", "observe", "outbox"].reduce((sum, queue) => sum + (queues[queue]?.pending ?? 0), 0);
}

// The usual run has the story with what a person does meanwhile, in test/browser/demo.test.ts.
test.runIf(IS_FULL_RUN)(
  "the demo runs its whole story, and the chat contains each event once",
  async () => {
    const folder = mkdtempSync(join(tmpdir(), "groundcrew-demo-"));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const parsed = parseTestSettings({ PORT: "0" });
    if (!parsed.ok) throw new Error("the demo needs no settings");
    const output: string[] = [];
    const demo = await startDemo(parsed.settings, {
      write: (text) => void output.push(text),
      colour: false,
      pace: 300,
      speed: 3,
      folder: relative(process.cwd(), join(folder, "demo")),
    });
    onTestFinished(() => demo.stop());
    await demo.finished;
    // The demo's own schedule would poll within 15 s.
    await fetch(`${demo.url}/ticks/poll`, { method: "POST" });

    const finished = () =>
      // Ada's approvals finish the reviewed tasks, that of the wish and Thot's, and the ticket.
      3 +
      output.filter((line) => /^(Plane|agent) +(Ada|Concierge|Imhotep|Thot|Ptah|Seshat) finishes /.test(line)).length;
    const lines = () => demo.chat().flatMap((text) => text.split("\n"));
    const timesOf = (due: RegExp) => lines().filter((line) => due.test(line)).length;
    const isWhole = () =>
      parseCompletions(demo.chat()).total >= finished() && EXPECTED_MESSAGES.every((due) => timesOf(due) > 0);
    await expect.poll(isWhole, { timeout: 45_000 }).toBe(true);
    // Nothing is left that could send a second message about the same event.
    await expect.poll(() => countUnsent(demo.url), { timeout: 45_000 }).toBe(0);
    expect(finished()).toBeGreaterThanOrEqual(6);
    expect(parseCompletions(demo.chat())).toMatchObject({ total: finished(), marked: 0 });
    expect(timesOf(/^🏃 (Cycle|1 cycle) started/)).toBe(1);
    expect(timesOf(/^Add a contact form to the website is done\./)).toBe(1);
    const story = output.join("");
    expect(story).toContain("Plane  Ada adds a task for Imhotep");
    expect(story).toMatch(/crew {3}[A-Z]+-\d completed \(by webhook\): rule completed tasks → telegram:4711/);
    // Nobody else has answered, so Ada does, once.
    expect(output.filter((line) => line.startsWith("chat   Ada presses ")).sort()).toEqual([
      "chat   Ada presses “1.0”\n",
      "chat   Ada presses “✅ Approve”\n",
      "chat   Ada presses “✅ Approve”\n",
      "chat   Ada presses “✅ Approve”\n",
    ]);
    // The wish: planned, approved, done in order, each with the result of the task before, and reviewed.
    expect(story).toContain("agent  Concierge plans “Add a contact form to the website”: 3 tasks for Ptah and Seshat");
    expect(story).toMatch(/Seshat reads CFW-1\.md, the result of CFW-1[\s\S]+Ptah reads CFW-2\.md/);
    expect(story).toContain("agent  Concierge sums up CFW with results, time and cost");
    expect(story).toMatch(/agent {2}Imhotep received an answer about PLAT-1: 1\.0/);
    expect(demo.chat().filter((text) => /^❓ .*PLAT-1 [\s\S]*Answered by Ada/.test(text))).toHaveLength(1);
    expect(demo.chat().filter((text) => /^🔍 [\s\S]*PLAT-3 /.test(text))).toHaveLength(1);
    // The ticket: approved, run, allowed, completed, and its result written to Plane once.
    expect(output.filter((line) => line.startsWith("page   "))).toEqual([
      "page   Ada answers the ticket PLAT-5 with “approve”\n",
      "page   Ada answers the permission PLAT-5 with “allow”\n",
      "page   Ada answers the result PLAT-5 with “approve”\n",
    ]);
    expect(demo.comments("PLAT-5").filter((html) => html.includes("groundcrew/plat-5"))).toHaveLength(1);
    expect(story).toContain("agent  Claude Code starts PLAT-5 in a simulated terminal");
    // Ada's own task is finished without a webhook: only the poll can have seen it.
    expect(story).toMatch(/crew {3}[A-Z]+-\d completed \(by poll\)/);
    expect(story).toContain("chat   new message");
    expect(story).not.toContain("The script stopped");
    expect(story).toContain("The script is over");
  },
  240_000,
);
