import { expect, test } from "vitest";
import { createCommandsApp, GROUP_CHAT } from "./commands-app.ts";

test("with LOCALE auto users get replies in their own language", async () => {
  const app = await createCommandsApp({ env: { LOCALE: "auto", TELEGRAM_ALLOWED_USERS: "4711,4712" } });
  app.telegram.setLanguage(4712, "fr-CA");
  await app.runFirstPoll();
  expect(await app.sendAndGetReply("/plane status", { from: 4712 })).toContain("📊 Situation");
  expect(await app.sendAndGetReply("/plane statut", { from: 4711 })).toContain("📊 Status");
});

test("a reply refers to the command, in its topic", async () => {
  const app = await createCommandsApp();
  await app.runFirstPoll();
  const [answer] = await app.sendMessage("/plane status", { topic: 7 });
  expect(answer).toMatchObject({ topic: 7 });
  expect(answer?.replyTo).toBe(app.telegram.chat(-100_200).messages.find(({ from }) => from === 4711)?.id);
});

test("a reply to a command that is itself a reply goes into the group: only forums have topics", async () => {
  const app = await createCommandsApp();
  await app.runFirstPoll();
  await app.sendMessage("/plane status");
  const [status] = app.getBotMessages();
  const [answer] = await app.sendMessage("/plane help", status && { replyTo: status.id });
  expect(answer).toMatchObject({ text: expect.stringContaining("/plane digest") });
  expect(await app.store.listDeadJobs("outbox")).toEqual([]);
});

test("a reply that a closed topic refuses does not delay other replies", async () => {
  const app = await createCommandsApp();
  await app.runFirstPoll();
  app.telegram.setTopic(GROUP_CHAT, 7, "closed");
  expect(await app.sendMessage("/plane status", { topic: 7 })).toEqual([]);
  expect(await app.sendAndGetReply("/plane help")).toContain("/plane digest");
});

test("each command has a French name, which answers as the English one", async () => {
  const app = await createCommandsApp({ env: { LOCALE: "fr" } });
  await app.runFirstPoll();
  const names = [
    ...[
      ["status", "statut"],
      ["status", "état"],
      ["project", "projet"],
      ["task", "tâche"],
      ["digest", "resume"],
    ],
    ...[
      ["help", "aide"],
      ["new", "nouveau"],
      ["done", "terminé"],
      ["comment", "commenter"],
      ["block", "bloquer"],
    ],
    ...[
      ["unblock", "debloquer"],
      ["cancel", "annuler"],
      ["assign", "attribuer"],
      ["due", "échéance"],
    ],
    ...[
      ["priority", "priorite"],
      ["mute", "muet"],
      ["unmute", "annoncer"],
    ],
  ];
  for (const [english, french] of names) {
    const [own, other] = [
      await app.sendAndGetReply(`/plane ${french}`),
      await app.sendAndGetReply(`/plane ${english}`),
    ];
    expect(own, french).not.toContain("inconnue");
    expect(own.split("\n")[0], french).toBe(other.split("\n")[0]);
  }
});
