import { mkdirSync, statSync } from "node:fs";
import { afterAll, describe, expect, test } from "vitest";
import { digestTick } from "../../functions/telegram/digest/digest-tick.ts";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import { MINUTE } from "../../shared/time.ts";
import type { SimulatedMessage } from "../../simulators/telegram/chats.ts";
import { ADA_USER, GROUP_CHAT } from "../functions/telegram/commands/commands-app.ts";
import { createLiveMessagesApp, type LiveMessagesApp } from "../functions/telegram/live-messages-app.ts";
import { closeSharedBrowser, hasChromium, openPage } from "./browser.ts";
import { type ChatBubble, renderBubbles } from "./chat-bubbles.ts";

/** With `PICTURES=1` the pictures of docs/telegram.md are saved here. */
const OUTPUT_FOLDER = "docs/pictures";
const MAX_BYTES = 120_000;

afterAll(closeSharedBrowser);

/** Copies messages, so that later edits do not change their picture. */
function captureBubbles(rig: LiveMessagesApp, ...messages: (SimulatedMessage | undefined)[]): ChatBubble[] {
  return messages.map((message) => {
    if (!message) throw new Error("No message to capture.");
    const answered = rig.telegram.chat(GROUP_CHAT).messages.find(({ id }) => id === message.replyTo);
    const isNext = messages.includes(answered);
    return {
      message: structuredClone(message),
      ...omitUndefined({ quoted: answered && !isNext ? answered.text.split("\n")[0] : undefined }),
    };
  });
}

/** Sends a command; returns it and its replies. */
async function sendAndCapture(rig: LiveMessagesApp, text: string): Promise<ChatBubble[]> {
  await rig.telegram.postAsUser(GROUP_CHAT, ADA_USER, text);
  const command = rig.telegram.chat(GROUP_CHAT).messages.at(-1);
  await rig.pollUpdates();
  return captureBubbles(rig, command, ...rig.getBotMessages().filter(({ replyTo }) => replyTo === command?.id));
}

/** Lets an agent work on a task for this long, with a report every ten minutes. */
async function workOnTask(
  rig: LiveMessagesApp,
  agent: string,
  key: string,
  minutes: number,
  percent: number,
  text: string,
) {
  await rig.actAs(agent).startTimer(key);
  for (let remaining = minutes; remaining > 0; remaining -= 10) {
    rig.time.now += Math.min(remaining, 10) * MINUTE;
    await rig.actAs(agent).report(key, { percent, text });
  }
  await rig.advanceAndDrain(8_000);
}

/** Simulates a morning of work and the next day's digest; returns ten typical messages. */
async function playTenMessages(): Promise<Record<string, ChatBubble[]>> {
  const rig = await createLiveMessagesApp({ config: { budget: { amount: 50, currency: "EUR" } } });
  const titles = ["Order the laptop", "Book the meeting room", "Print the badge"];
  const small = titles.map((title) => rig.addTask(title, "Thot"));
  rig.addTask("Plan the welcome lunch", "Thot", { priority: "high", target_date: "2026-11-22" });
  const mail = await rig.startTask("Imhotep", "Write the welcome mail");
  await workOnTask(rig, "Imhotep", mail, 40, 60, "The greeting and the first week are written.");
  const progress = captureBubbles(rig, rig.findMessage("60%"));
  await rig.askQuestion("Imhotep", mail, { text: "Formal or friendly?", choices: ["Formal", "Friendly"] });
  const question = captureBubbles(rig, rig.findMessage("Formal or friendly?"));
  await rig.tapButton(rig.findMessage("Formal or friendly?"), "Friendly");
  const answered = captureBubbles(rig, rig.findMessage("Formal or friendly?"));
  await rig.actAs("Imhotep").setStatus(mail, { status: "done", text: "Written.", confidence: 0.9, cost: 0.4 });
  await rig.advanceAndDrain(20_000);
  const completed = captureBubbles(rig, rig.findMessage("Completed"));
  rig.time.now += 5 * MINUTE;
  for (const item of small) rig.plane.editItem(item, { state: "Done" }, { by: rig.human });
  await rig.poll();
  await rig.advanceAndDrain(20_000);
  const burst = captureBubbles(rig, rig.findMessage("Print the badge"));
  const guide = await rig.startTask("Thot", "Write the welcome guide");
  await workOnTask(rig, "Thot", guide, 30, 90, "Only the pictures are missing.");
  const unsure = "One page. I was not sure about the office rules.";
  await rig.actAs("Thot").setStatus(guide, { status: "done", text: unsure, confidence: 0.55, cost: 0.25 });
  await rig.advanceAndDrain(20_000);
  const review = captureBubbles(rig, rig.findMessage("Review requested"));
  const access = await rig.startTask("Imhotep", "Set up the accounts");
  await workOnTask(rig, "Imhotep", access, 20, 30, "Two of five are made.");
  await rig.poll();
  const status = await sendAndCapture(rig, "/plane status");
  const which = await sendAndCapture(rig, "/plane task welcome");
  const word = await sendAndCapture(rig, "/plane asign ONB-4 imhotep");
  await rig.actAs("Imhotep").setStatus(access, { status: "blocked", text: "The licence has run out." });
  await rig.advanceAndDrain(20_000);
  rig.time.now = Date.parse("2026-11-22T08:00:00Z");
  await digestTick.run(rig.deps);
  await rig.advanceAndDrain(60_000);
  const day = captureBubbles(rig, rig.findMessage("Daily digest"));
  return { completed, burst, progress, question, answered, review, status, which, word, digest: day };
}

describe.skipIf(!hasChromium())("Ten typical messages", { timeout: 60_000 }, () => {
  test("are rendered, and none is wider than a phone", async () => {
    const messages = await playTenMessages();
    expect(Object.keys(messages)).toHaveLength(10);
    const page = await openPage("about:blank", { width: 420, height: 300 });
    for (const [name, bubbles] of Object.entries(messages)) {
      await page.setContent(renderBubbles(bubbles));
      expect(await page.evaluate("document.documentElement.scrollWidth"), name).toBe(420);
      if (process.env["PICTURES"] !== "1") continue;
      mkdirSync(OUTPUT_FOLDER, { recursive: true });
      const path = `${OUTPUT_FOLDER}/telegram-${name}.png`;
      await page.locator("main").screenshot({ path });
      expect(statSync(path).size, path).toBeLessThan(MAX_BYTES);
    }
  });
});
