import { expect, test } from "vitest";
import { toPlainText } from "../commands/commands-app.ts";
import { createPrivateChatApp } from "./private-chat-app.ts";

test("in a private chat, /status and /help need no /plane, and neither do words that can only be commands", async () => {
  const app = await createPrivateChatApp();
  app.addTask("Send the mail", "Imhotep");
  await app.poll();
  const [status = ""] = await app.ask("/status");
  expect(status).toMatch(/^📊 Status/);
  expect((await app.ask("status"))[0]?.slice(0, 30)).toBe(status.slice(0, 30));
  expect((await app.ask("/help"))[0]).toMatch(/^🧭 Commands/);
  expect((await app.ask("task ONB-1"))[0]).toMatch(/^⬜ ONB-1 Send the mail/);
  expect((await app.ask("plane task ONB-1"))[0]).toMatch(/^⬜ ONB-1 Send the mail/);
  expect((await app.ask("agent Imhotep"))[0]).toMatch(/^👤 Imhotep/);
  expect((await app.ask("Projet onboarding"))[0]).toMatch(/^📁 Onboarding \(ONB\)/);
  expect(await app.ask("annuler onb-1 plus besoin")).toEqual(["✖️ Cancelled: ONB-1 Send the mail"]);
  expect(app.getWakes().join()).not.toContain("Request");
});

test("in a private chat, a text that only begins like a command is not one: all of it reaches the Concierge", async () => {
  const app = await createPrivateChatApp();
  app.addTask("Send the mail", "Imhotep");
  await app.poll();
  for (const text of [
    ...["je veux ajouter une page de contact", "new landing page, please", "Plane is slow today", "done"],
    ...["status of the landing page?", "task ONB-1 is wrong", "help me with the newsletter"],
    ...["agent names are too long", "cancel the newsletter", "add ONB-1 to the plan", "/etc/passwd is broken"],
  ]) {
    expect(await app.ask(text), text).toEqual(["📨 Sent to Concierge."]);
    expect(app.readLastWake().at(-1), text).toMatchObject({ text });
    app.advance(60_000);
  }
  expect(app.plane.items(app.onb)).toHaveLength(1);
});

test("a command with a typo is asked about, and its whole text can go to the Concierge", async () => {
  const app = await createPrivateChatApp();
  app.addTask("Send the mail", "Imhotep");
  await app.poll();
  const [typo] = await app.write("asign ONB-1 Thot");
  expect(app.getButtonLabels(typo)).toEqual(["/plane assign ONB-1 Thot", "Send all of it to Concierge"]);
  await app.tap(typo, "/plane assign");
  expect(toPlainText(app.getMessages().find(({ id }) => id === typo?.id))).toBe(
    "👤 Assigned ONB-1 Send the mail to Thot",
  );
  const [unknown] = await app.write("/plane je veux ajouter une page");
  expect(toPlainText(unknown)).toContain("Unknown command “je”");
  expect(app.getButtonLabels(unknown)).toEqual(["Send all of it to Concierge"]);
  await app.tap(unknown, "Send all");
  expect(app.readLastWake()).toMatchObject([{ text: "je veux ajouter une page" }]);
  expect((await app.ask("/weather"))[0]).toContain("Unknown command “weather”. /plane help");
  expect(app.getButtonLabels((await app.write("statsu"))[0])).toEqual(["/plane status"]);
});
