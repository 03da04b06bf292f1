import { expect, test } from "vitest";
import { DAY, HOUR } from "../../../../shared/time.ts";
import { createHttpTestApp } from "../../../support/http-test-app.ts";
import { STRANGER_USER, toPlainText } from "../commands/commands-app.ts";
import { createMessagesApp } from "../messages-app.ts";

const QUESTION = { kind: "ask", text: "Dark mode for the blog, too?", choices: ["Yes", "No"] };
const SUMMARY = "Dark mode is live: 4 tasks, 2 h 10 min, 1.20 €.\n\nNext: the blog?";

test("a message of the Concierge is sent once within ten minutes, with its name and its lines", async () => {
  const app = await createMessagesApp();
  const answer = await app.messageHuman({ text: SUMMARY });
  expect(answer).toEqual({ message: expect.any(String), status: "queued" });
  expect(await app.messageHuman({ text: SUMMARY })).toEqual(answer);
  const messages = app.getBotMessages();
  expect(messages.map(toPlainText)).toEqual([`💬 Message from Concierge:\n${SUMMARY}`]);
  expect(messages[0]?.replyTo).toBeUndefined();
  app.advance(601_000);
  await app.messageHuman({ text: SUMMARY });
  expect(app.getBotMessages()).toHaveLength(2);
});

test("a message is refused with what to do: an empty or long text, choices without a question, no chat, a worker (reliability 20)", async () => {
  const app = await createMessagesApp();
  expect(await app.messageHuman({ text: " \u200b\n" })).toContain("text is empty. Give a text that is visible.");
  expect(await app.messageHuman({ text: "Done", choices: ["Yes"] })).toContain('Set kind to "ask"');
  expect(await app.callTool("Imhotep", "message_human", { text: "Hello" })).toMatchObject({ status: 403 });
  expect(await app.messageHuman({ text: "x".repeat(3_501) })).toContain("text: Too big");
  expect(await app.messageHuman({ text: "@x".repeat(1_700) })).toContain("does not fit into one message");
  const long = await app.messageHuman({ text: "x".repeat(2_001), kind: "ask" });
  expect(long).toContain("A question has at most 2000 characters. Shorten text.");
  expect(app.getBotMessages()).toEqual([]);
  await app.messageHuman({ text: "x".repeat(3_500) });
  expect(app.getBotMessages()[0]?.text).toContain("x".repeat(3_500));
  const { status, json } = await (await createHttpTestApp()).callTool("Concierge", "message_human", { text: "Done" });
  const message = expect.stringContaining("No chat with the human is configured.");
  expect([status, json]).toMatchObject([409, { error: { message } }]);
});

test("a question about no task is one while it is open; a press of an authorized user answers it and wakes the Concierge once (reliability 17)", async () => {
  const app = await createMessagesApp();
  const question = await app.messageHuman(QUESTION);
  expect(question).toEqual({ message: expect.any(String), status: "open" });
  const message = () => app.findMessage("Dark mode");
  expect(toPlainText(message())).toBe(
    "❓ Question from Concierge:\nDark mode for the blog, too?\n" +
      "Press a button, or reply to this message with your own answer.",
  );
  expect(app.getButtonLabels(message())).toEqual(["Yes", "No"]);
  expect(await app.messageHuman(QUESTION)).toEqual(question);
  expect(app.getBotMessages()).toHaveLength(1);
  expect(await app.tapButton(message(), "No", STRANGER_USER)).toBe("");
  await app.replyTo(message(), "No", STRANGER_USER);
  expect(await app.tapButton(message(), "No")).toBe("Answered by Ada (Telegram): No");
  expect(toPlainText(message())).toContain("💡 Answered by Ada (Telegram): \nNo");
  expect(app.getButtonLabels(message())).toEqual([]);
  expect(app.getWakes()).toEqual([expect.stringContaining("Ada (Telegram): No")]);
  expect(app.getWakes()[0]).toMatch(/^concierge: .*- Answer: Your question to the person is answered/s);
  const answered = { status: "answered", answer: "No", data: "others: answer (2)" };
  expect(await app.messageHuman(QUESTION)).toEqual({ ...Object(question), ...answered });
});

test("a question about no task is asked again after one and six hours as a reply to its first message, and closed after 30 days", async () => {
  const app = await createMessagesApp();
  await app.messageHuman(QUESTION);
  const first = app.findMessage("Dark mode");
  const listed = /❓ Concierge, since \d\d:\d\d: Dark mode for the blog, too\?/;
  expect(await app.sendAndGetReply("/plane status")).toMatch(listed);
  await app.advanceAndDrain(HOUR + 5_000);
  expect(toPlainText(app.findMessage("reminder"))).toContain("Question (reminder) from Concierge:");
  expect(app.findMessage("reminder")?.replyTo).toBe(first?.id);
  expect(await app.messageHuman(QUESTION)).toMatchObject({ status: "open" });
  for (const time of [5 * HOUR, DAY, 29 * DAY]) {
    app.advance(time);
    await app.advanceAndDrain();
  }
  const asked = app.getBotMessages().filter((message) => /Question .*from Concierge/.test(toPlainText(message)));
  expect(asked).toHaveLength(3);
  for (const message of asked) {
    expect(toPlainText(message)).toContain("Nobody answered in time: no answer is needed.");
    expect(app.getButtonLabels(message)).toEqual([]);
  }
  await app.advanceAndDrain(60_000);
  expect(app.getWakes().filter((wake) => wake.includes("Nobody answered in time."))).toHaveLength(1);
});

type MessagesApp = Awaited<ReturnType<typeof createMessagesApp>>;

const TASKS = [
  { id: "tokens", title: "Choose the colours", assignee: "Imhotep", estimate: { minutes: 40, cost: 1.2 } },
  { id: "toggle", title: "Build the toggle", assignee: "Thot", blocked_by: ["tokens"], estimate: { minutes: 90 } },
  { id: "texts", title: "Write the help", blocked_by: ["tokens", "toggle"] },
];
const PLAN = { project: "Dark mode", tasks: TASKS };

async function proposePlan(app: MessagesApp, plan: Record<string, unknown> = PLAN) {
  await app.sendMessage("/plane new add dark mode to the website");
  return { answer: await app.callAsConcierge("plan_project", plan), message: () => app.findMessage("Plan to approve") };
}

const findProject = (app: MessagesApp) => app.findItemNames("Dark mode");

test("a plan for a person's wish is shown with its tasks, assignees, dependencies and totals, and not judged by strangers (reliability 17); cancelled, it creates nothing, and the same plan is refused", async () => {
  const app = await createMessagesApp({ config: { budget: { amount: 50, currency: "EUR" } } });
  const { message } = await proposePlan(app);
  expect(toPlainText(message())).toBe(
    [
      "🗺️ Plan to approve from Concierge: Dark mode",
      "💭 Requested by Ada (Telegram): add dark mode to the website",
      "1. Choose the colours → Imhotep (40 min, €1.20)",
      "2. Build the toggle → Thot (after 1, 1 hr 30 min)",
      "3. Write the help (after 1, 2)",
      "Σ Total: 3 tasks, 2 hr 10 min, €1.20, cost of 1 task unknown",
      "Budget of the month: €0.00 spent + €0.00 estimated for open tasks, of €50.00",
      "⚠️ not enough history to estimate the cost of toggle; give an estimate",
      "Nothing is created before you approve. Reply to this message with what to change.",
    ].join("\n"),
  );
  expect(app.getButtonLabels(message())).toEqual(["✅ Approve", "✏️ Change", "✖️ Cancel"]);
  expect(await app.tapButton(message(), "✅ Approve", STRANGER_USER)).toBe("");
  await app.replyTo(message(), "ok", STRANGER_USER);
  expect(await app.sendAndGetReply("/plane status")).toMatch(/🗺️ Dark mode: 3 tasks \(Concierge, since \d\d:\d\d\)/);
  expect(await app.sendAndGetReply("/plane digest")).toContain("🗺️ Plans to approve (1)\n• Dark mode – 3 tasks");
  const wakes = app.getWakes().length;
  expect(await app.tapButton(app.findMessage("Plan to approve"), "✖️ Cancel")).toBe("Cancelled by Ada (Telegram)");
  expect(await app.sendAndGetReply("/plane status")).not.toContain("Dark mode: 3 tasks");
  expect(app.getWakes().slice(wakes)).toEqual([expect.stringContaining("do not plan it again")]);
  expect(await app.callAsConcierge("plan_project", PLAN)).toContain("rejected");
  await app.advanceAndDrain(30_000);
  expect(await findProject(app)).toBeUndefined();
});

test("a plan shows its description and those of its tasks, and is approved in the chat only where it shows all of them", async () => {
  const app = await createMessagesApp();
  const { message } = await proposePlan(app, {
    ...PLAN,
    description: "For the evening.",
    tasks: [{ ...TASKS[0], description: "Only **two** colours." }],
  });
  expect(toPlainText(message()).split("\n").slice(2, 5)).toEqual([
    "For the evening.",
    "1. Choose the colours → Imhotep (40 min, $1.20)",
    "Only **two** colours.",
  ]);
  const approve = message()?.buttons[0]?.[0]?.callback_data ?? "";
  await app.callAsConcierge("plan_project", { ...PLAN, description: "Dark. ".repeat(700) });
  const later = message();
  expect(app.getButtonLabels(later)).toEqual(["✏️ Change", "✖️ Cancel"]);
  expect(toPlainText(later)).toContain("does not show all of it");
  const change = later?.buttons[0]?.[0]?.callback_data ?? "";
  const toast = await app.tapButtonData(later?.id ?? 0, change.replace(":words.", ":approve."));
  expect(toast).toContain("does not show all");
  await app.replyTo(later, "ok");
  expect(await app.tapButtonData(later?.id ?? 0, approve)).toContain("The plan has changed since");
  await app.advanceAndDrain(30_000);
  expect(await findProject(app)).toBeUndefined();
});
