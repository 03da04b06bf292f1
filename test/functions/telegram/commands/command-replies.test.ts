import { expect, test } from "vitest";
import { createCommandsApp } from "./commands-app.ts";

test("with LOCALE auto users get replies in their own language", async () => {
  const app = await createCommandsApp({ env: { LOCALE: "auto", TELEGRAM_ALLOWED_USERS: "4711,4712" } });
  app.telegram.setLanguage(4712, "fr-CA");
  await app.runFirstPoll();
  expect(await app.sendAndGetReply("/plane status", { from: 4712 })).toContain("📊 Situation");
  expect(await app.sendAndGetReply("/plane statut", { from: 4711 })).toContain("📊 Status");
});

test("each command has a French name, which answers as the English one", async () => {
  const app = await createCommandsApp({ env: { LOCALE: "fr" } });
  await app.runFirstPoll();
  const names = Object.entries({
    ...{ statut: "status", état: "status", projet: "project", tâche: "task", resume: "digest", aide: "help" },
    ...{ nouveau: "new", terminé: "done", commenter: "comment", bloquer: "block", debloquer: "unblock" },
    ...{ annuler: "cancel", attribuer: "assign", échéance: "due", priorite: "priority", muet: "mute" },
    annoncer: "unmute",
  });
  for (const [french, english] of names) {
    const [own, other] = [
      await app.sendAndGetReply(`/plane ${french}`),
      await app.sendAndGetReply(`/plane ${english}`),
    ];
    expect(own, french).not.toContain("inconnue");
    expect(own.split("\n")[0], french).toBe(other.split("\n")[0]);
  }
});
