import { mkdirSync, statSync } from "node:fs";
import { expect, test } from "vitest";
import { digestTick } from "../../functions/telegram/digest/digest.ts";
import { MINUTE } from "../../shared/time.ts";
import type { SimulatedMessage } from "../../simulators/telegram/chats.ts";
import { createRequestsApp } from "../functions/requests-app.ts";
import { ADA_USER, GROUP_CHAT } from "../functions/telegram/commands/commands-app.ts";
import { createLiveMessagesApp, type LiveMessagesApp } from "../functions/telegram/live-messages-app.ts";
import { IS_FULL_RUN } from "../reliability/random-source.ts";
import { describeInChromium, openPage } from "./browser.ts";

/** A message to draw: a copy, which later edits do not change. */
interface ChatBubble {
  message: SimulatedMessage;
  /** The first line of the message that this one replies to. */
  quoted?: string | undefined;
}

const TAGS: Record<string, string> = { bold: "b", code: "code", text_link: "u", italic: "i" };

/** Renders messages roughly as Telegram shows them: formatted text, buttons, and the message replied to. */
function renderBubbles(bubbles: readonly ChatBubble[]): string {
  return `<!doctype html><meta charset="utf-8"><style>${STYLE}</style><main>${bubbles.map(renderBubble).join("")}</main>`;
}

function renderBubble({ message, quoted }: ChatBubble): string {
  const { text, entities, buttons, from, at, edits } = message;
  const time = new Date(at).toISOString().slice(11, 16);
  const rows = buttons.map(
    (row) => `<div>${row.map((button) => `<span>${escapeHtml(button.text)}</span>`).join("")}</div>`,
  );
  return (
    `<article class="${from === undefined ? "bot" : "me"}"><section>` +
    (quoted === undefined ? "" : `<blockquote>${escapeHtml(quoted)}</blockquote>`) +
    `<p>${renderEntities(text, entities)}</p><time>${edits.length > 0 ? "edited " : ""}${time}</time></section>` +
    `<nav>${rows.join("")}</nav></article>`
  );
}

/** Entities are disjoint or nested, so of those that begin at the same offset the longest is opened first. */
function renderEntities(text: string, entities: SimulatedMessage["entities"]): string {
  const rendered = entities.filter(({ type }) => type in TAGS).sort((a, b) => b.length - a.length);
  let html = "";
  for (let i = 0; i <= text.length; i += 1) {
    for (const { type } of rendered.filter(({ offset, length }) => offset + length === i).reverse())
      html += `</${TAGS[type]}>`;
    for (const { type } of rendered.filter(({ offset }) => offset === i)) html += `<${TAGS[type]}>`;
    html += escapeHtml(text.charAt(i));
  }
  return html;
}

function escapeHtml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}

const STYLE = `
  body { margin: 0; background: #dfe7e0; font: 15px/1.4 system-ui, "DejaVu Sans", sans-serif; }
  main { width: 420px; padding: 14px; box-sizing: border-box; display: grid; gap: 10px; }
  article { max-width: 370px; min-width: 200px; width: fit-content; }
  .me { justify-self: end; min-width: 0; }
  section { background: #fff; border-radius: 12px; padding: 8px 12px; overflow-wrap: anywhere; }
  .me section { background: #e2f7cf; }
  p { margin: 0; white-space: pre-wrap; }
  b { font-weight: 600; }
  u { color: #1a6fb5; text-decoration: none; }
  code { font: 13px/1.4 "DejaVu Sans Mono", monospace; color: #7a3b69; }
  blockquote { margin: 0 0 4px; padding: 2px 8px; border-left: 3px solid #4a90c4; background: #eef5fa; border-radius: 4px;
    font-size: 13px; color: #33566f; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
  time { display: block; text-align: right; font-size: 11px; color: #6b7a70; }
  nav { display: grid; gap: 4px; margin-top: 4px; }
  nav div { display: flex; gap: 4px; }
  nav span { flex: 1; padding: 7px 8px; border-radius: 8px; background: #7f998a; color: #fff; font-size: 14px;
    text-align: center; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
`;

/** With `PICTURES=1` the pictures of docs/telegram.md are saved here. */
const OUTPUT_FOLDER = "docs/pictures";
const MAX_BYTES = 120_000;

/** Copies messages, so that later edits do not change their picture. */
function captureBubbles(app: Pick<LiveMessagesApp, "telegram">, ...messages: (SimulatedMessage | undefined)[]) {
  return messages.map((message): ChatBubble => {
    if (!message) throw new Error("No message to capture.");
    const answered = app.telegram.chat(GROUP_CHAT).messages.find(({ id }) => id === message.replyTo);
    const quoted = answered && !messages.includes(answered) ? answered.text.split("\n")[0] : undefined;
    return { message: structuredClone(message), quoted };
  });
}

/** Simulates a morning of work and the next day's digest; returns ten typical messages. */
async function playTaskMessages(): Promise<Record<string, ChatBubble[]>> {
  const app = await createLiveMessagesApp({ config: { budget: { amount: 50, currency: "EUR" } } });
  const capture = (part: string) => captureBubbles(app, app.findMessage(part));
  /** Sends a command; returns it and its replies. */
  async function send(text: string) {
    await app.telegram.postAsUser(GROUP_CHAT, ADA_USER, text);
    const command = app.telegram.chat(GROUP_CHAT).messages.at(-1);
    await app.pollUpdates();
    return captureBubbles(app, command, ...app.getBotMessages().filter(({ replyTo }) => replyTo === command?.id));
  }
  /** Lets an agent work on a task for this long, with a report every ten minutes. */
  async function work(agent: string, key: string, minutes: number, percent: number, text: string) {
    await app.actAs(agent).startTimer(key);
    for (let remaining = minutes; remaining > 0; remaining -= 10) {
      app.time.now += Math.min(remaining, 10) * MINUTE;
      await app.actAs(agent).report(key, { percent, text });
    }
    await app.advanceAndDrain(8_000);
  }
  const titles = ["Order the laptop", "Book the meeting room", "Print the badge"];
  const small = titles.map((title) => app.addTask(title, "Thot"));
  app.addTask("Plan the welcome lunch", "Thot", { priority: "high", target_date: "2026-11-22" });
  const mail = await app.startTask("Imhotep", "Write the welcome mail");
  await work("Imhotep", mail, 40, 60, "The greeting and the first week are written.");
  const progress = capture("60%");
  await app.askQuestion("Imhotep", mail, { text: "Formal or friendly?", choices: ["Formal", "Friendly"] });
  const question = capture("Formal or friendly?");
  await app.tapButton(app.findMessage("Formal or friendly?"), "Friendly");
  const answered = capture("Formal or friendly?");
  const file = new Blob(["# Welcome!\n"]);
  await app.actAs("Imhotep").deliver({ task: mail, name: "welcome-mail.md", file });
  const summary = "The mail is written in a friendly tone: greeting, first week, and whom to ask.";
  await app.actAs("Imhotep").setStatus(mail, { status: "done", text: summary, confidence: 0.9, cost: 0.4 });
  await app.advanceAndDrain(20_000);
  const completed = capture("Completed");
  app.time.now += 5 * MINUTE;
  for (const item of small) app.plane.editItem(item, { state: "Done" }, { by: app.human });
  await app.poll();
  await app.advanceAndDrain(20_000);
  const burst = capture("Print the badge");
  const guide = await app.startTask("Thot", "Write the welcome guide");
  await work("Thot", guide, 30, 90, "Only the pictures are missing.");
  const unsure = "One page. I was not sure about the office rules.";
  await app.actAs("Thot").setStatus(guide, { status: "done", text: unsure, confidence: 0.55, cost: 0.25 });
  await app.advanceAndDrain(20_000);
  const review = capture("Review requested");
  const access = await app.startTask("Imhotep", "Set up the accounts");
  await work("Imhotep", access, 20, 30, "Two of five are made.");
  await app.poll();
  const status = await send("/plane status");
  const which = await send("/plane task welcome");
  const word = await send("/plane asign ONB-4 imhotep");
  await app.actAs("Imhotep").setStatus(access, { status: "blocked", text: "The licence has run out." });
  await app.advanceAndDrain(20_000);
  app.time.now = Date.parse("2026-11-22T08:00:00Z");
  await digestTick.run(app.deps);
  await app.advanceAndDrain(60_000);
  const day = capture("Daily digest");
  return { completed, burst, progress, question, answered, review, status, which, word, digest: day };
}

/** Plays a ticket up to its result; returns the messages that wait for a person. */
async function playTicketMessages() {
  const app = await createRequestsApp({ tickets: {} });
  await app.requestTicketMessage("Fix the sign-in of the sales page", {
    description_html: "<p>It sends people to the old host.</p>",
    priority: "high",
  });
  const ticket = captureBubbles(app, app.findMessage("Ticket to approve"));
  const token = await app.startSession();
  const work = {
    branch: "groundcrew/onb-1",
    commits: [{ id: "4f1c2d7a9be0", subject: "fix: sign-in follows the host of the page" }],
    diff: { files: 3, insertions: 120, deletions: 8 },
    cost_usd: 0.84,
  };
  await app.exchangeAndSend(work);
  let permission: ChatBubble[] = [];
  const request = { hook_event_name: "PermissionRequest", tool_name: "Bash", tool_input: { command: "npm test" } };
  await app.holdHook(token, request, async () => {
    await app.advanceAndDrain();
    permission = captureBubbles(app, app.findMessage("asks for permission"));
    await app.tapButton(app.findMessage("asks for permission"), "✅ Allow");
  });
  app.advance(20 * MINUTE);
  const summary = "Sign-in follows the host of the page. Tested with the old and the new host.";
  await app.sendHook(token, {
    hook_event_name: "UserPromptExpansion",
    command_name: "complete",
    command_args: summary,
  });
  const result = captureBubbles(app, app.findMessage("Result to approve"));
  return { ticket, permission, result };
}

describeInChromium("Typical messages", () => {
  test("are rendered, and none is wider than a phone", async (context) => {
    context.skip(!(IS_FULL_RUN || process.env["PICTURES"] === "1"));
    const messages = { ...(await playTaskMessages()), ...(await playTicketMessages()) };
    expect(Object.keys(messages)).toHaveLength(13);
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
