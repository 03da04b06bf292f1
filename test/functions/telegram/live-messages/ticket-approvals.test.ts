import { expect, test } from "vitest";
import { ADA_USER, GROUP_CHAT, STRANGER_USER, toPlainText } from "../commands/commands-app.ts";
import { createTicketMessagesApp } from "../ticket-messages-app.ts";

const ADA = "Ada (Telegram)";
const TITLE = "Ticket to approve";

test("a ticket that waits for approval is sent with a sound: title, project, who asked and why, its text, and buttons", async () => {
  const app = await createTicketMessagesApp();
  await app.requestTicketMessage("Write it down", { description_html: "<p>All of <b>it</b></p>", priority: "high" });
  expect(app.readLines(TITLE)).toEqual([
    "🎫 Ticket to approve: ONB-1 Write it down",
    "Project: Onboarding",
    "Priority: high",
    "Requested by ada (new task)",
    "All of **it**",
    "Nothing runs before you approve. The session gets exactly this text.",
  ]);
  const message = app.findMessage(TITLE);
  expect(message?.silent).toBeFalsy();
  expect(app.getButtonLabels(message)).toEqual(["✅ Approve", "✖️ Reject"]);
});

test("a ticket is approved by a button: one session is wanted, and the message shows who approved it", async () => {
  const app = await createTicketMessagesApp();
  await app.requestTicketMessage();
  expect(await app.tapButton(app.findMessage(TITLE), "✅ Approve")).toBe(`Approved by ${ADA}`);
  expect((await app.exchange()).sessions).toMatchObject([{ ticket: "ONB-1", run: 1 }]);
  expect(app.readLines(TITLE).at(-1)).toBe(`✅ Approved by ${ADA}`);
  expect(app.getButtonLabels(app.findMessage(TITLE))).toEqual([]);
  expect((await app.read("/api/sessions")).sessions).toMatchObject([{ approved_by: ADA }]);
});

test("a ticket is decided once: fifty presses are one approval, and another button then says who decided", async () => {
  const app = await createTicketMessagesApp();
  await app.requestTicketMessage();
  const message = app.findMessage(TITLE);
  const [approve, reject] = message?.buttons.flat() ?? [];
  for (let n = 0; n < 50; n += 1)
    await app.telegram.press(GROUP_CHAT, ADA_USER, message?.id ?? 0, approve?.callback_data ?? "");
  await app.pollUpdates();
  expect((await app.exchange()).sessions).toMatchObject([{ ticket: "ONB-1", run: 1 }]);
  expect(await app.tapButtonData(message?.id ?? 0, reject?.callback_data ?? "")).toBe(`Approved by ${ADA}`);
  expect((await app.read("/api/sessions")).sessions).toMatchObject([{ id: "ONB-1", state: "starting", run: 1 }]);
  expect(app.getBotMessages()).toHaveLength(1);
});

test("a ticket is judged once by two people who press at the same time", async () => {
  const BEA_USER = 4712;
  const app = await createTicketMessagesApp({}, { env: { TELEGRAM_ALLOWED_USERS: `${ADA_USER},${BEA_USER}` } });
  await app.requestTicketMessage();
  const message = app.findMessage(TITLE);
  const [approve, reject] = message?.buttons.flat() ?? [];
  const presses = await Promise.all([
    app.telegram.press(GROUP_CHAT, ADA_USER, message?.id ?? 0, approve?.callback_data ?? ""),
    app.telegram.press(GROUP_CHAT, BEA_USER, message?.id ?? 0, reject?.callback_data ?? ""),
  ]);
  await app.pollUpdates();
  const toasts = presses.map(({ answers }) => answers.join());
  expect(new Set(toasts).size).toBe(1);
  const isApproved = toasts[0]?.startsWith("Approved");
  expect((await app.exchange()).sessions).toHaveLength(isApproved ? 1 : 0);
  expect(toPlainText(app.findMessage(TITLE))).toContain(toasts[0]);
});

test("a rejected ticket starts nothing, and its message shows who rejected it", async () => {
  const app = await createTicketMessagesApp();
  await app.requestTicketMessage();
  expect(await app.tapButton(app.findMessage(TITLE), "✖️ Reject")).toBe(`Rejected by ${ADA}`);
  expect(app.readLines(TITLE).at(-1)).toBe(`✖️ Rejected by ${ADA}`);
  expect((await app.exchange()).sessions).toEqual([]);
  expect(await app.read("/api/pending-tickets")).toMatchObject({ count: 0 });
});

test("a ticket whose text changed in Plane is not approved by the old button: the message shows the new text with new buttons", async () => {
  const app = await createTicketMessagesApp();
  const item = await app.requestTicketMessage();
  const earlier = app.findMessage(TITLE);
  app.plane.editItem(item, { description_html: "<p>Delete everything</p>" });
  const old = earlier?.buttons[0]?.[0]?.callback_data ?? "";
  const changed = "ONB-1 has changed. Read it again before you approve it.";
  expect(await app.tapButtonData(earlier?.id ?? 0, old)).toBe(changed);
  expect((await app.exchange()).sessions).toEqual([]);
  expect(app.readLines(TITLE)).toEqual(
    expect.arrayContaining(["Delete everything", "✏️ The text has changed since this message was sent."]),
  );
  const message = app.findMessage(TITLE);
  expect(message?.id).toBe(earlier?.id);
  expect(message?.buttons[0]?.[0]?.callback_data).not.toBe(old);
  expect(await app.tapButtonData(earlier?.id ?? 0, old)).toBe(changed);
  expect(await app.tapButton(message, "✅ Approve")).toBe(`Approved by ${ADA}`);
  expect((await app.exchange()).sessions[0]?.ticket_file).toContain("Delete everything");
});

test("a ticket that was closed in Plane is not approved, and its message says why", async () => {
  const app = await createTicketMessagesApp();
  const item = await app.requestTicketMessage();
  app.plane.editItem(item, {
    state: app.plane.states(item.project).find(({ group }) => group === "completed")?.id ?? "",
  });
  const closed = "The task was closed in Plane: the ticket is cancelled.";
  expect(await app.tapButton(app.findMessage(TITLE), "✅ Approve")).toBe(closed);
  expect(app.readLines(TITLE).at(-1)).toBe(`✖️ ${closed}`);
});

test.each([
  [
    "the page or the API",
    async (app: Awaited<ReturnType<typeof createTicketMessagesApp>>) => app.call("/api/approve/ONB-1"),
    "✅ Approved by admin",
  ],
  [
    "another rejection",
    async (app: Awaited<ReturnType<typeof createTicketMessagesApp>>) =>
      app.call("/api/reject/ONB-1", { reason: "Too vague" }),
    "Too vague",
  ],
] as const)("a ticket that %s decides updates its message", async (_, decide, line) => {
  const app = await createTicketMessagesApp();
  await app.requestTicketMessage();
  await decide(app);
  await app.advanceAndDrain();
  expect(app.readLines(TITLE).at(-1)).toBe(line);
  expect(app.getButtonLabels(app.findMessage(TITLE))).toEqual([]);
});

test("a ticket that a rule approves ends without open buttons", async () => {
  const app = await createTicketMessagesApp({ approve: [{ priorities: ["urgent"] }] });
  await app.requestTicketMessage("Write it down", { priority: "urgent" });
  expect((await app.exchange()).sessions).toHaveLength(1);
  expect(app.getBotMessages().flatMap(({ buttons }) => buttons.flat())).toEqual([]);
});

test("a ticket whose changed text its message does not show yet is approved by no command, but by its button afterwards", async () => {
  const app = await createTicketMessagesApp();
  const item = await app.requestTicketMessage();
  app.plane.editItem(item, { name: "Another title" });
  app.telegram.injectFaults({ kind: "too_many", seconds: 30 });
  for (let n = 0; n < 2; n += 1) {
    await app.sendMessage("/plane approve ONB-1");
    expect((await app.exchange()).sessions).toEqual([]);
  }
  await app.advanceAndDrain(40_000);
  await app.tapButton(app.findMessage("Another title"), "✅ Approve");
  expect((await app.exchange()).sessions).toHaveLength(1);
});

test("a ticket is approved by a reply that only says ok, unless its text has changed since", async () => {
  const app = await createTicketMessagesApp();
  const item = await app.requestTicketMessage();
  app.plane.editItem(item, { name: "Another title" });
  await app.deliverWebhooks();
  await app.tapButton(app.findMessage(TITLE), "✅ Approve");
  await app.replyTo(app.findMessage(TITLE), "ok");
  expect(app.findMessage("ONB-1 has changed. Read it again")).toBeDefined();
  expect((await app.exchange()).sessions).toEqual([]);

  const other = await createTicketMessagesApp();
  await other.requestTicketMessage();
  await other.replyTo(other.findMessage(TITLE), "OK!");
  expect((await other.exchange()).sessions).toHaveLength(1);
  expect(other.getBotMessages()).toHaveLength(1);
});

test("a ticket ignores presses and replies of unauthorized users", async () => {
  const app = await createTicketMessagesApp();
  await app.requestTicketMessage();
  expect(await app.tapButton(app.findMessage(TITLE), "✅ Approve", STRANGER_USER)).toBe("");
  await app.replyTo(app.findMessage(TITLE), "ok", STRANGER_USER);
  expect(await app.read("/api/pending-tickets")).toMatchObject({ count: 1 });
  expect(app.getButtonLabels(app.findMessage(TITLE))).toHaveLength(2);
});

test("a ticket whose send got no answer can be approved in either message, and both show it", async () => {
  const app = await createTicketMessagesApp();
  app.telegram.injectFaults({ kind: "lost" });
  await app.requestTicketMessage();
  await app.advanceAndDrain(10_000);
  const both = () => app.getBotMessages().filter((message) => toPlainText(message).includes(TITLE));
  expect(both()).toHaveLength(2);
  expect(await app.tapButton(both()[0], "✅ Approve")).toBe(`Approved by ${ADA}`);
  await app.advanceAndDrain(10_000);
  for (const message of both()) {
    expect(toPlainText(message)).toContain(`Approved by ${ADA}`);
    expect(app.getButtonLabels(message)).toEqual([]);
  }
});

test("a button of an earlier request with the same text does not approve a later one", async () => {
  const app = await createTicketMessagesApp();
  const item = await app.requestTicketMessage();
  const first = app.findMessage(TITLE);
  const old = first?.buttons[0]?.[0]?.callback_data ?? "";
  await app.tapButton(first, "✖️ Reject");
  const [todo, started] = ["unstarted", "started"].map(
    (group) => app.plane.states(item.project).find((state) => state.group === group)?.id ?? "",
  );
  for (const state of [started, todo]) {
    app.plane.editItem(item, { state: state ?? "" });
    await app.deliverWebhooks();
    await app.advanceAndDrain();
  }
  expect(await app.read("/api/pending-tickets")).toMatchObject({ count: 1 });
  expect(app.findMessage(TITLE)?.id).not.toBe(first?.id);
  expect(await app.tapButtonData(first?.id ?? 0, old)).toBe(`Rejected by ${ADA}`);
  expect(await app.read("/api/pending-tickets")).toMatchObject({ count: 1 });
});
