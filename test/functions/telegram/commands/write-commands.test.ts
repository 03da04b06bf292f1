import { expect, test } from "vitest";
import type { WakeRecord } from "../../../../shared/tasks/wakes.ts";
import { createCommandsApp, toPlainText } from "./commands-app.ts";

const CONCIERGE_WITH_WAKE = { Concierge: { role: "concierge", wake: { kind: "openclaw" } } } as const;

test("/plane new creates a task in the project; the lines after the first are its description", async () => {
  const app = await createCommandsApp();
  const web = app.plane.addProject({ identifier: "OPS", name: "Web Site" });
  await app.runFirstPoll();
  expect(await app.sendAndGetReply("/plane new ONB Écrire le guide\nAvec *soin*")).toBe(
    "🆕 Created: ONB-1 Écrire le guide",
  );
  expect(await app.sendAndGetReply("/plane new onboarding Another one")).toBe("🆕 Created: ONB-2 Another one");
  expect(await app.sendAndGetReply("/plane new web  site Write the  guide\n\nWith *care*")).toContain("Write the");
  const [one, two] = app.plane.items(app.onb);
  expect(app.plane.items(web)).toMatchObject([{ name: "Write the  guide" }]);
  expect(one).toMatchObject({ name: "Écrire le guide" });
  expect(one?.description_html).toContain("<em>soin</em>");
  expect(two).toMatchObject({ name: "Another one" });
});

test("/plane new takes the longest name of a project, and a colon or a dash after it", async () => {
  const app = await createCommandsApp();
  const site = app.plane.addProject({ identifier: "WEB", name: "Website" });
  const shop = app.plane.addProject({ identifier: "SHOP", name: "Website Shop" });
  await app.runFirstPoll();
  expect(await app.sendAndGetReply("/plane new website shop Sell hats")).toBe("🆕 Created: SHOP-1 Sell hats");
  expect(await app.sendAndGetReply("/plane new Website shops are slow")).toBe("🆕 Created: WEB-1 shops are slow");
  expect(await app.sendAndGetReply("/plane new web: Sell gloves")).toBe("🆕 Created: WEB-2 Sell gloves");
  expect(await app.sendAndGetReply("/plane new Website Shop – Sell scarves")).toBe("🆕 Created: SHOP-2 Sell scarves");
  expect([app.plane.items(site), app.plane.items(shop)].map((items) => items.length)).toEqual([2, 2]);
});

test("the key of a task may have a mark after it", async () => {
  const app = await createCommandsApp();
  const item = app.addTask("Mail", "Imhotep");
  await app.runFirstPoll();
  expect(await app.sendAndGetReply("/plane block ONB-1: waits for the lawyer")).toBe("⛔ Blocked: ONB-1 Mail");
  expect(app.readComments(item).join()).toContain("<p>waits for the lawyer</p>");
  expect(await app.sendAndGetReply("/plane unblock ONB-1.")).toBe("🟢 Unblocked: ONB-1 Mail");
});

test("/plane new without a project wakes the Concierge with the request, once", async () => {
  const app = await createCommandsApp({ agents: CONCIERGE_WITH_WAKE });
  app.plane.addProject({ identifier: "ADR", name: "Addresses" });
  await app.runFirstPoll();
  expect(await app.sendAndGetReply("/plane new Organise the party; rm -rf /")).toBe(
    "📨 Sent to Concierge for planning: Organise the party; rm -rf /",
  );
  const [stored] = await app.store.read<WakeRecord>(["wake:Concierge"]);
  expect(stored?.value.pending).toMatchObject([{ reason: "asked_for", text: "Organise the party; rm -rf /" }]);
  // The first word is part of a project's name.
  expect(await app.sendAndGetReply("/plane new add dark mode")).toMatch(/^📨 Sent to Concierge/);
});

test("/plane new reports when there is no Concierge or it cannot be woken", async () => {
  const none = await createCommandsApp({ agents: { Concierge: { role: "worker" } } });
  await none.runFirstPoll();
  expect(await none.sendAndGetReply("/plane new Organise the party")).toMatch(/Name a project: no agent .* Concierge/);
  const deaf = await createCommandsApp();
  await deaf.runFirstPoll();
  expect(await deaf.sendAndGetReply("/plane new Organise the party")).toMatch(/Concierge cannot be woken/);
});

test("/plane assign sets the agent as assignee and label, and keeps other labels", async () => {
  const app = await createCommandsApp();
  const item = app.addTask("Mail", "Thot", { labels: [app.plane.addLabel(app.onb, "code").id] });
  await app.runFirstPoll();
  expect(await app.sendAndGetReply("/plane assign ONB-1 imho")).toBe("👤 Assigned ONB-1 Mail to Imhotep");
  expect(app.readPlaneItem(item)).toMatchObject({ assignees: ["Imhotep"] });
  expect(app.readPlaneItem(item).labels.sort()).toEqual(["agent:Imhotep", "code"]);
  expect(await app.sendAndGetReply("/plane assign 1 to Imhotep")).toBe("👤 Assigned ONB-1 Mail to Imhotep");
});

test("/plane assign asks which agent is meant if several match", async () => {
  const app = await createCommandsApp();
  app.addTask("Mail");
  await app.runFirstPoll();
  const [question] = await app.sendMessage("/plane assign ONB-1 ho");
  expect(question?.buttons.flat().map(({ text }) => text)).toEqual(["Imhotep", "Thot"]);
  await app.pressButton(question, "Thot");
  expect(toPlainText(app.getBotMessages().at(-1))).toBe("👤 Assigned ONB-1 Mail to Thot");
});

test("/plane block, unblock, cancel change the status in Plane, with the reason as a plain text comment", async () => {
  const app = await createCommandsApp();
  const item = app.addTask("Mail", "Imhotep");
  await app.runFirstPoll();
  expect(await app.sendAndGetReply("/plane block ONB-1 waits for <b>the</b> lawyer")).toBe("⛔ Blocked: ONB-1 Mail");
  expect(app.readPlaneItem(item).labels).toContain("blocked");
  expect(app.readComments(item).join()).toContain("&#x3C;b>the&#x3C;/b> lawyer");
  expect(await app.sendAndGetReply("/plane block ONB-1")).toBe("ℹ️ No change needed: ONB-1 Mail");
  expect(await app.sendAndGetReply("/plane unblock ONB-1")).toBe("🟢 Unblocked: ONB-1 Mail");
  expect(app.readPlaneItem(item).labels).not.toContain("blocked");
  expect(await app.sendAndGetReply("/plane unblock ONB-1")).toBe("ℹ️ This task is not blocked: ONB-1 Mail");
  expect(await app.sendAndGetReply("/plane annuler onb-1 plus besoin")).toBe("✖️ Cancelled: ONB-1 Mail");
  expect(app.readPlaneItem(item).state).toBe("Cancelled");
  expect(await app.sendAndGetReply("/plane block ONB-1")).toBe("ℹ️ This task is already closed: ONB-1 Mail");
});

test("/plane block, unblock, cancel ask before they change a task named by part of its title", async () => {
  const app = await createCommandsApp();
  const item = app.addTask("Send the welcome mail");
  await app.runFirstPoll();
  const [question] = await app.sendMessage("/plane cancel welcome");
  expect(toPlainText(question)).toBe("Did you mean this task?");
  expect(app.readPlaneItem(item).state).toBe("Backlog");
  await app.pressButton(question, /ONB-1/);
  expect(toPlainText(app.getBotMessages()[0])).toBe("✖️ Cancelled: ONB-1 Send the welcome mail");
  expect(app.readPlaneItem(item).state).toBe("Cancelled");
});

async function inReview() {
  const app = await createCommandsApp();
  const item = app.addTask("Mail", "Imhotep");
  await app.runFirstPoll();
  await app.actAs("Imhotep").setStatus("ONB-1", { status: "in_progress" });
  await app.actAs("Imhotep").setStatus("ONB-1", { status: "done", text: "Written", confidence: 0.4 });
  await app.runUntilIdle();
  return { app, item };
}

test("/plane approve, reject: reject sends a task in review back with a reason", async () => {
  const { app, item } = await inReview();
  expect(await app.sendAndGetReply("/plane reject ONB-1 too short")).toBe(
    "↩️ ONB-1 Mail: Sent back by Ada (Telegram): too short",
  );
  expect(app.readPlaneItem(item)).toMatchObject({ state: "Todo" });
  expect(app.readComments(item).join()).toContain("too short");
});

test("/plane approve, reject do not change a task that is not in review", async () => {
  const app = await createCommandsApp();
  app.addTask("Mail");
  await app.runFirstPoll();
  expect(await app.sendAndGetReply("/plane approve ONB-1")).toBe("ℹ️ No ticket and no review waits here: ONB-1 Mail");
});

test("/plane mute takes the longest name of a project, and the time as the help writes it", async () => {
  const app = await createCommandsApp();
  for (const [identifier, name] of [["WEB", "Website"] as const, ["SHOP", "Website Shop"] as const])
    app.plane.addProject({ identifier, name });
  await app.runFirstPoll();
  expect(await app.sendAndGetReply("/plane mute website shop 30m")).toMatch(/^🔕 Muted until .*: Website Shop/);
  expect(await app.sendAndGetReply("/plane mute Website for 2h")).toMatch(/^🔕 Muted until \d.*: Website \(/);
  expect(await app.sendAndGetReply("/plane mute website shop")).toMatch(/^🔕 Muted until you unmute: Website Shop/);
  expect(await app.sendAndGetReply("/plane unmute website shop")).toBe("🔔 Unmuted: Website Shop (SHOP)");
  expect(await app.sendAndGetReply("/plane mute website until noon")).toContain("“until noon” is not a valid duration");
});

test("/plane mute stops notifications for the given time, and unmute resumes them", async () => {
  const app = await createCommandsApp();
  const [one, two, three] = ["One", "Two", "Three"].map((name) => app.addTask(name));
  await app.runFirstPoll();
  expect(await app.sendAndGetReply("/plane mute ONB 2h")).toMatch(
    /^🔕 Muted until 10:00: Onboarding \(ONB\)\nQuestions/,
  );
  app.plane.editItem(one ?? "", { state: "Done" });
  await app.deliverWebhooks();
  await app.runUntilIdle();
  expect(app.getBotMessages()).toHaveLength(1);
  app.advance(2 * 3_600_000);
  app.plane.editItem(two ?? "", { state: "Done" });
  await app.deliverWebhooks();
  await app.runUntilIdle();
  expect(toPlainText(app.getBotMessages().at(-1))).toContain("ONB-2");
  app.advance(60_000);
  expect(await app.sendAndGetReply("/plane mute ONB-3")).toMatch(/^🔕 Muted until you unmute: ONB-3 Three/);
  expect(await app.sendAndGetReply("/plane unmute ONB-3")).toBe("🔔 Unmuted: ONB-3 Three");
  expect(await app.sendAndGetReply("/plane unmute ONB-3")).toBe("ℹ️ This is not muted: ONB-3 Three");
  app.plane.editItem(three ?? "", { state: "Done" });
  await app.deliverWebhooks();
  await app.runUntilIdle();
  expect(toPlainText(app.getBotMessages().at(-1))).toContain("ONB-3");
});
