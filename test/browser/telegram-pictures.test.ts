import { mkdirSync, statSync } from "node:fs";
import { afterAll, describe, expect, test } from "vitest";
import type { ShownMessage } from "../../demo/telegram/chats.ts";
import { digest } from "../../functions/telegram/digest/tick.ts";
import { ADA, CHAT } from "../functions/telegram/commands/rig.ts";
import { createLiveRig, type LiveRig } from "../functions/telegram/live-rig.ts";
import { chromiumIsHere, closeShared, openPage } from "./browser.ts";
import { type Bubble, bubblesHtml } from "./bubbles.ts";

/** Where `PICTURES=1` keeps what docs/telegram.md shows. */
const TO = "docs/pictures";
const LARGEST = 120_000;
const MINUTE = 60_000;

afterAll(closeShared);

/** The messages as they are now: what is edited later stays as it was here. */
function taken(rig: LiveRig, ...messages: (ShownMessage | undefined)[]): Bubble[] {
  return messages.map((message) => {
    if (!message) throw new Error("There is no such message.");
    const answered = rig.telegram.chat(CHAT).messages.find(({ id }) => id === message.replyTo);
    const isNext = messages.includes(answered);
    return { message: structuredClone(message), ...(answered && !isNext && { quoted: answered.text.split("\n")[0] }) };
  });
}

/** A command and what comes back. */
async function said(rig: LiveRig, text: string): Promise<Bubble[]> {
  await rig.telegram.say(CHAT, ADA, text);
  const mine = rig.telegram.chat(CHAT).messages.at(-1);
  await rig.hear();
  return taken(rig, mine, ...rig.shown().filter(({ replyTo }) => replyTo === mine?.id));
}

/** So long an agent works on it, and says so now and then. */
async function worked(rig: LiveRig, agent: string, key: string, minutes: number, percent: number, text: string) {
  await rig.work(agent).startTimer(key);
  for (let left = minutes; left > 0; left -= 10) {
    rig.time.now += Math.min(left, 10) * MINUTE;
    await rig.work(agent).report(key, { percent, text });
  }
  await rig.go(8_000);
}

/** A morning's work and the digest of the next day: ten typical messages. */
async function tenMessages(): Promise<Record<string, Bubble[]>> {
  const rig = await createLiveRig({ config: { budget: { amount: 50, currency: "EUR" } } });
  const titles = ["Order the laptop", "Book the meeting room", "Print the badge"];
  const small = titles.map((title) => rig.task(title, "Thot"));
  rig.task("Plan the welcome lunch", "Thot", { priority: "high", target_date: "2026-11-22" });
  const mail = await rig.started("Imhotep", "Write the welcome mail");
  await worked(rig, "Imhotep", mail, 40, 60, "The greeting and the first week are written.");
  const progress = taken(rig, rig.message("60%"));
  await rig.question("Imhotep", mail, { text: "Formal or friendly?", choices: ["Formal", "Friendly"] });
  const question = taken(rig, rig.message("Formal or friendly?"));
  await rig.tap(rig.message("Formal or friendly?"), "Friendly");
  const answered = taken(rig, rig.message("Formal or friendly?"));
  await rig.work("Imhotep").setStatus(mail, { status: "done", text: "Written.", confidence: 0.9, cost: 0.4 });
  await rig.go(20_000);
  const completed = taken(rig, rig.message("Completed"));
  rig.time.now += 5 * MINUTE;
  for (const item of small) rig.plane.editItem(item, { state: "Done" }, { by: rig.human });
  await rig.poll();
  await rig.go(20_000);
  const burst = taken(rig, rig.message("Print the badge"));
  const guide = await rig.started("Thot", "Write the welcome guide");
  await worked(rig, "Thot", guide, 30, 90, "Only the pictures are missing.");
  const unsure = "One page. I was not sure about the office rules.";
  await rig.work("Thot").setStatus(guide, { status: "done", text: unsure, confidence: 0.55, cost: 0.25 });
  await rig.go(20_000);
  const review = taken(rig, rig.message("Please review"));
  const access = await rig.started("Imhotep", "Set up the accounts");
  await worked(rig, "Imhotep", access, 20, 30, "Two of five are made.");
  await rig.poll();
  const status = await said(rig, "/plane status");
  const which = await said(rig, "/plane task welcome");
  const word = await said(rig, "/plane asign ONB-4 imhotep");
  await rig.work("Imhotep").setStatus(access, { status: "blocked", text: "The licence has run out." });
  await rig.go(20_000);
  rig.time.now = Date.parse("2026-11-22T08:00:00Z");
  await digest.run(rig.deps);
  await rig.go(60_000);
  const day = taken(rig, rig.message("The day at a glance"));
  return { completed, burst, progress, question, answered, review, status, which, word, digest: day };
}

describe.skipIf(!chromiumIsHere())("Ten typical messages", { timeout: 60_000 }, () => {
  test("are drawn from what was sent, and nothing is wider than a phone", async () => {
    const ten = await tenMessages();
    expect(Object.keys(ten)).toHaveLength(10);
    const page = await openPage("about:blank", { width: 420, height: 300 });
    for (const [name, bubbles] of Object.entries(ten)) {
      await page.setContent(bubblesHtml(bubbles));
      expect(await page.evaluate("document.documentElement.scrollWidth"), name).toBe(420);
      if (process.env["PICTURES"] !== "1") continue;
      mkdirSync(TO, { recursive: true });
      const path = `${TO}/telegram-${name}.png`;
      await page.locator("main").screenshot({ path });
      expect(statSync(path).size, path).toBeLessThan(LARGEST);
    }
  });
});
