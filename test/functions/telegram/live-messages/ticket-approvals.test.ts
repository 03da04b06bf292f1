import { expect, test } from "vitest";
import { STRANGER_USER } from "../commands/commands-app.ts";
import { createTicketMessagesApp } from "../ticket-messages-app.ts";

const ADA = "Ada (Telegram)";
const TITLE = "Ticket to approve";

test("a ticket that waits for approval is sent with a sound: title, project, who asked and why, its text, and buttons, for people who may", async () => {
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
  expect(await app.tapButton(message, "✖️ Reject", STRANGER_USER)).toBe("");
  await app.replyTo(message, "ok", STRANGER_USER);
  expect(await app.read("/api/pending-tickets")).toMatchObject({ count: 1 });
  expect(await app.tapButton(message, "✖️ Reject")).toBe(`Rejected by ${ADA}`);
  expect(app.readLines(TITLE).at(-1)).toBe(`✖️ Rejected by ${ADA}`);
  expect((await app.exchange()).sessions).toEqual([]);
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
