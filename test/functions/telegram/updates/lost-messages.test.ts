import { expect, test } from "vitest";
import { createRequestsApp, loseStore, requestTicket } from "../../requests-app.ts";
import { ADA_USER, GROUP_CHAT, toPlainText } from "../commands/commands-app.ts";

test("an open question without buttons is found by its text after a lost store, and a reply answers it", async () => {
  const app = await createRequestsApp();
  const key = await app.startTask("Imhotep", "Paint the door");
  await app.askQuestion("Imhotep", key, { text: "Which *colour*?\nAnd which size?" });
  const message = app.findMessage("Which colour?");
  await loseStore(app);
  expect(await app.list()).toHaveLength(1);
  await app.replyTo(message, "Red, large");
  expect(await app.list()).toEqual([]);
  const { questions } = await app.actAs("Imhotep").details(key);
  expect(questions.latest[0]?.answer).toBe("Red, large");
  expect(toPlainText(app.findMessage("Which colour?"))).toContain("Answered by Ada (Telegram): \nRed, large");
});

test("after a lost store “ok” to another message about the task approves no ticket that waits", async () => {
  const app = await createRequestsApp({ hasTickets: true });
  await requestTicket(app);
  const key = "ONB-1";
  const message = app.findMessage("Ticket to approve");
  await loseStore(app);
  await app.post("/api/approve/ONB-1", {});
  await app.advanceAndDrain(8_000);
  const as = {
    reply_to_message: { message_id: message?.id, from: { id: 1000 }, text: `⛔ Blocked: ${key} Write it down` },
  };
  await app.telegram.postAsUser(GROUP_CHAT, ADA_USER, "ok", { as });
  await app.pollUpdates();
  expect(await app.list()).toMatchObject([{ kind: "ticket", state: "open" }]);
  expect((await app.exchange()).sessions).toEqual([]);
});

test("a reply to a message about no task goes to the Concierge with what it quotes, also after a lost store", async () => {
  const app = await createRequestsApp();
  await app.messageHuman({ text: "Dark mode is live." });
  const message = app.findMessage("Dark mode is live");
  await loseStore(app);
  await app.replyTo(message, "And the blog?");
  expect(app.getWakes().join()).toContain("in reply to");
});
