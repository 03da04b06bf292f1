import { expect, test } from "vitest";
import { createTicketMessagesApp } from "./ticket-messages-app.ts";

test("a ticket that waits for approval is sent with a sound: title, project, who asked and why, its text, and buttons", async () => {
  const app = await createTicketMessagesApp();
  await app.requestTicketMessage("Write it down", { description_html: "<p>All of <b>it</b></p>", priority: "high" });
  expect(app.readLines("Ticket to approve")).toEqual([
    "🎫 Ticket to approve: ONB-1 Write it down",
    "Project: Onboarding",
    "Priority: High",
    "Requested: new task",
    "All of **it**",
    "Nothing runs before you approve. The session gets exactly this text.",
  ]);
  const message = app.findMessage("Ticket to approve");
  expect(message?.silent).toBeFalsy();
  expect(app.getButtonLabels(message)).toEqual(["✅ Approve", "✖️ Reject"]);
});
