import { expect, test } from "vitest";
import { createSession } from "../../tickets/tickets-app.ts";
import { createTicketMessagesApp } from "../ticket-messages-app.ts";

const ADA = "Ada (Telegram)";

test("a ticket is approved, allowed and written to Plane once, all from Telegram, with a runner and a session over HTTP", async () => {
  const app = await createTicketMessagesApp();
  const item = await app.requestTicketMessage("Write it down", { description_html: "<p>All of it</p>" });
  expect((await app.exchange()).sessions).toEqual([]);
  await app.tapButton(app.findMessage("Ticket to approve"), "✅ Approve");
  const [desired] = (await app.exchange()).sessions;
  expect(desired?.ticket_file).toContain("All of it");
  await app.exchange([createSession()]);

  const permission = { hook_event_name: "PermissionRequest", tool_name: "Bash", tool_input: { command: "npm test" } };
  const allowed = await app.holdHook(desired?.token ?? "", permission, async () => {
    await app.advanceAndDrain();
    await app.tapButton(app.findMessage("npm test"), "✅ Allow");
  });
  expect(allowed.json).toEqual({
    hookSpecificOutput: { hookEventName: "PermissionRequest", decision: { behavior: "allow" } },
  });

  const completion = { summary: "All is done", source: "file" } as const;
  const stopped = await app.exchangeAndSend({ completion, cost_usd: 0.5 });
  expect(stopped).toMatchObject({ sessions: [], stop: [{ ticket: "ONB-1", run: 1, how: "kindly" }] });
  await app.tapButton(app.findMessage("Result to approve"), "✅ Approve update");
  await app.advanceAndDrain();
  expect(app.readComments(item).filter((comment) => comment.includes("All is done"))).toHaveLength(1);
  expect(app.readPlaneItem(item).state).toBe("Done");
  expect(await app.read("/api/completed-tickets")).toMatchObject({ updated: [{ id: "ONB-1", state: "done" }] });
  const messages = app.getBotMessages().filter(({ text }) => text.startsWith("🎫"));
  expect(messages.map(({ text }) => text.split("\n").at(-1))).toEqual([
    `✅ Approved by ${ADA}`,
    `✅ Allowed by ${ADA}`,
    `✅ Written to Plane, approved by ${ADA}`,
  ]);
  expect(messages.flatMap(({ buttons }) => buttons.flat())).toEqual([]);
});
