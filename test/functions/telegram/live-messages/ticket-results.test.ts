import { expect, test } from "vitest";
import { createSession } from "../../tickets/tickets-app.ts";
import { toPlainText } from "../commands/commands-app.ts";
import { createTicketMessagesApp } from "../ticket-messages-app.ts";

const ADA = "Ada (Telegram)";
const TITLE = "Result to approve";
const RESULT = {
  commits: [{ id: "abc1234def", subject: "feat: it" }],
  diff: { files: 2, insertions: 30, deletions: 4 },
  cost_usd: 0.5,
};

async function createCompletedApp() {
  const app = await createTicketMessagesApp();
  const item = await app.requestTicketMessage();
  const token = await app.startSession();
  await app.exchange([createSession(RESULT)]);
  app.advance(5 * 60_000);
  await app.askBySession(token, {
    hook_event_name: "UserPromptExpansion",
    command_name: "complete",
    command_args: "All is *done* <b>@all</b>",
  });
  const countComments = () => app.readComments(item).filter((comment) => comment.includes("Claude Code")).length;
  return { app, item, countComments };
}

test("a result is sent with a sound: its summary as text, branch, size of the change, files, first changed lines, time and cost", async () => {
  const { app } = await createCompletedApp();
  const patch = "@@ -1,2 +1,2 @@\n same\n-old <b>\n+new\n";
  await app.sendDifference(`diff --git a/src/a.ts b/src/a.ts\n--- a/src/a.ts\n+++ b/src/a.ts\n${patch}`);
  await app.advanceAndDrain();
  const message = app.findMessage(TITLE);
  expect(message?.silent).toBeFalsy();
  const lines = app.readLines(TITLE);
  expect(lines.slice(0, 5)).toEqual([
    "🎫 Result to approve: ONB-1 Write it down",
    "All is *done* <b>@all</b>",
    "Branch: groundcrew/onb-1",
    "Changed files: 2, lines added: 30, lines removed: 4",
    "1 commit",
  ]);
  expect(lines).toContainEqual(expect.stringMatching(/^Time since approval: 5 min/));
  expect(lines).toEqual(expect.arrayContaining(["Cost: $0.50", "• src/a.ts +1 −1"]));
  expect(lines.join("\n")).toContain("-old <b>\n+new");
  expect(app.getButtonLabels(message)).toEqual(["✅ Approve update", "↩️ Send back"]);
});

test("an update that is half done is reported once with a sound, and a button tries what is missing again", async () => {
  const { app, item, countComments } = await createCompletedApp();
  const end = app.plane.faults.add({ method: "PATCH", path: "/work-items/" }, { kind: "status", status: 500 });
  // A reply that only says ok approves, too.
  await app.replyTo(app.findMessage(TITLE), "👍");
  await app.advanceAndDrain(60_000);
  await app.advanceAndDrain(60_000);
  const reports = () => app.getBotMessages().filter((message) => toPlainText(message).includes("is not complete"));
  expect(reports()).toHaveLength(1);
  expect(reports()[0]?.silent).toBeFalsy();
  expect(toPlainText(reports()[0])).toContain("⚠️ The comment is written; the status is not set yet.");
  expect(app.readLines(TITLE).at(-1)).toContain("The comment is written; the status is not set yet.");
  end();
  await app.tapButton(reports()[0], "🔁 Try again");
  await app.advanceAndDrain(10_000);
  expect(countComments()).toBe(1);
  expect(app.readPlaneItem(item).state).toBe("Done");
  for (const message of [reports()[0], app.findMessage(TITLE)]) {
    expect(toPlainText(message)).toContain(`✅ Written to Plane, approved by ${ADA}`);
    expect(app.getButtonLabels(message)).toEqual([]);
  }
});

test("a button of an earlier result does not write a later one", async () => {
  const { app, item, countComments } = await createCompletedApp();
  const first = app.findMessage(TITLE);
  const old = first?.buttons[0]?.[0]?.callback_data ?? "";
  await app.call("/api/sessions/ONB-1/cancel");
  app.plane.addComment(item, "<p>Once more</p>", { by: app.human });
  await app.deliverWebhooks();
  await app.advanceAndDrain();
  await app.call("/api/approve/ONB-1");
  await app.exchange();
  await app.call("/api/sessions/ONB-1/complete", { summary: "The second result" });
  await app.advanceAndDrain();
  expect(app.findMessage("The second result")?.id).not.toBe(first?.id);
  expect(await app.tapButtonData(first?.id ?? 0, old)).toBe("Cancelled by admin");
  await app.advanceAndDrain();
  expect(countComments()).toBe(0);
  expect((await app.read("/api/completed-tickets")).tickets).toMatchObject([{ state: "completed", run: 2 }]);
});
