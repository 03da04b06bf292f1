import { expect, test } from "vitest";
import { z } from "zod";
import { readUnclosedWishes } from "../../../../shared/tasks/wishes.ts";
import { STRANGER_USER, toPlainText } from "../commands/commands-app.ts";
import { createMessagesApp } from "../messages-app.ts";

type MessagesApp = Awaited<ReturnType<typeof createMessagesApp>>;

const TASKS = [
  { id: "tokens", title: "Choose the colours", assignee: "Imhotep", estimate: { minutes: 40, cost: 1.2 } },
  { id: "toggle", title: "Build the toggle", assignee: "Thot", blocked_by: ["tokens"], estimate: { minutes: 90 } },
  { id: "texts", title: "Write the help", blocked_by: ["tokens", "toggle"] },
];
const PLAN = { project: "Dark mode", tasks: TASKS };

async function proposePlan(app: MessagesApp, plan: Record<string, unknown> = PLAN) {
  await app.sendMessage("/plane new add dark mode to the website");
  const answer = await app.callAsConcierge("plan_project", plan);
  return { answer, message: () => app.findMessage("Plan to approve") };
}

const findProject = (app: MessagesApp) => app.findItemNames("Dark mode");

test("a plan for a person's wish is shown with its tasks, assignees, dependencies and totals before anything is created", async () => {
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
  expect(await app.tapButtonData(later?.id ?? 0, change.replace(":words.", ":approve."))).toContain(
    "does not show all",
  );
  await app.replyTo(later, "ok");
  expect(await app.tapButtonData(later?.id ?? 0, approve)).toContain("The plan has changed since");
  await app.advanceAndDrain(30_000);
  expect(await findProject(app)).toBeUndefined();
});

test("a plan that is to be changed asks for the reason; the reply wakes the Concierge with it", async () => {
  const app = await createMessagesApp();
  const { message } = await proposePlan(app);
  const wakes = app.getWakes().length;
  expect(await app.tapButton(message(), "✏️ Change")).toBe("Reply with what to change.");
  expect(app.getButtonLabels(message())).toEqual(["✅ Approve", "✖️ Cancel"]);
  await app.replyTo(message(), "Without the help\n{}");
  expect(toPlainText(message())).toContain("✏️ Sent back by Ada (Telegram): \nWithout the help");
  expect(app.getButtonLabels(message())).toEqual([]);
  expect(app.getWakes().slice(wakes)).toEqual([expect.stringContaining("Ada (Telegram): Without the help {}")]);
  expect(await findProject(app)).toBeUndefined();
});

test("a plan is not judged by strangers (reliability 17); cancelled, it creates nothing, and the same plan is refused", async () => {
  const app = await createMessagesApp();
  const { message } = await proposePlan(app);
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

test("a plan that changed meanwhile is not approved by the button of its earlier message (reliability 27)", async () => {
  const app = await createMessagesApp();
  const { message } = await proposePlan(app);
  const earlier = message();
  const button = earlier?.buttons[0]?.[0]?.callback_data ?? "";
  await app.callAsConcierge("plan_project", { ...PLAN, tasks: TASKS.slice(0, 2) });
  const later = message();
  expect(later?.id).not.toBe(earlier?.id);
  const changed = "The plan has changed since. A newer message shows the current one.";
  expect(await app.tapButtonData(earlier?.id ?? 0, button)).toBe(changed);
  expect(toPlainText(app.getBotMessages().find(({ id }) => id === earlier?.id))).toContain(changed);
  await app.advanceAndDrain(30_000);
  expect(await findProject(app)).toBeUndefined();
  expect(await app.tapButton(later, "✅ Approve")).toBe("Approved by Ada (Telegram)");
});

test("a message after the end of a plan is its summary: it closes the person's wish, once, in one commit", async () => {
  const app = await createMessagesApp();
  const readWishes = async () => (await readUnclosedWishes(app.deps, "Concierge")).map(({ text }) => text);
  await app.sendMessage("/plane new draw a logo");
  const tasks = [{ id: "a", title: "Draw it" }];
  await app.callAsConcierge("plan_project", { project: "Logo", tasks });
  await app.tapButton(app.findMessage("Plan to approve"), "✅ Approve");
  await app.advanceAndDrain(30_000);
  await app.sendMessage("/plane new add dark mode");
  await app.messageHuman({ text: "I have started." });
  expect(await readWishes()).toEqual(["draw a logo", "add dark mode"]);
  const { tasks: created } = z
    .object({ tasks: z.array(z.object({ key: z.string() })) })
    .parse(await app.callAsConcierge("plan_project", { project: "Logo", tasks }));
  await app.actAs("Ada").setStatus(created[0]?.key ?? "", { status: "done" });
  await app.advanceAndDrain(10_000);
  expect(app.getWakes().at(-1)).toContain("All tasks of your plan are closed");
  const summary = { text: "The logo is drawn: 20 min, 0.40 €." };
  await app.messageHuman(summary);
  await app.messageHuman(summary);
  expect(await readWishes()).toEqual(["add dark mode"]);
  await app.messageHuman({ text: "Anything else?" });
  expect(await readWishes()).toEqual(["add dark mode"]);
});
