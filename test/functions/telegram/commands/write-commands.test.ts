import { expect, test } from "vitest";
import type { KeptWake } from "../../../../shared/wake/wake-record.ts";
import { createCommandsApp, toPlainText } from "./commands-app.ts";

const CONCIERGE_WITH_WAKE = { Concierge: { role: "concierge", wake: { kind: "openclaw" } } } as const;

test("/plane new creates a task in the project; the lines after the first are its description", async () => {
  const rig = await createCommandsApp();
  await rig.runFirstPoll();
  expect(await rig.sendAndGetReply("/plane new ONB Écrire le guide\nAvec *soin*")).toBe(
    "🆕 Created: ONB-1 Écrire le guide",
  );
  expect(await rig.sendAndGetReply("/plane new onboarding Another one")).toBe("🆕 Created: ONB-2 Another one");
  const [one, two] = rig.plane.items(rig.onb);
  expect(one).toMatchObject({ name: "Écrire le guide" });
  expect(one?.description_html).toContain("<em>soin</em>");
  expect(two).toMatchObject({ name: "Another one" });
});

test("/plane new accepts a project's name of several words without quotation marks", async () => {
  const rig = await createCommandsApp();
  const web = rig.plane.addProject({ identifier: "OPS", name: "Web Site" });
  await rig.runFirstPoll();
  expect(await rig.sendAndGetReply("/plane new web  site Write the  guide\n\nWith *care*")).toContain("Write the");
  const [task] = rig.plane.items(web);
  expect(task).toMatchObject({ name: "Write the  guide" });
  expect(task?.description_html).toContain("<em>care</em>");
});

test("/plane new without a project wakes the Concierge with the request, once", async () => {
  const rig = await createCommandsApp({ agents: CONCIERGE_WITH_WAKE });
  await rig.runFirstPoll();
  expect(await rig.sendAndGetReply("/plane new Organise the party; rm -rf /")).toBe(
    "📨 Sent to Concierge for planning: Organise the party; rm -rf /",
  );
  const [kept] = await rig.store.read<KeptWake>(["wake:Concierge"]);
  expect(kept?.value.pending).toMatchObject([{ reason: "asked_for", text: "Organise the party; rm -rf /" }]);
});

test("/plane new says so if there is no Concierge or it cannot be woken", async () => {
  const none = await createCommandsApp({ agents: { Concierge: { role: "worker" } } });
  await none.runFirstPoll();
  expect(await none.sendAndGetReply("/plane new Organise the party")).toMatch(/Name a project: no agent .* Concierge/);
  const deaf = await createCommandsApp();
  await deaf.runFirstPoll();
  expect(await deaf.sendAndGetReply("/plane new Organise the party")).toMatch(/Concierge cannot be woken/);
});

test("/plane new asks if the first word is only part of a project's name", async () => {
  const rig = await createCommandsApp({ agents: CONCIERGE_WITH_WAKE });
  await rig.runFirstPoll();
  const [question] = await rig.sendMessage("/plane new board the train");
  expect(question?.buttons.flat().map(({ text }) => text)).toEqual([
    "In Onboarding (ONB)",
    "Let the Concierge plan it",
  ]);
  await rig.pressButton(question, /Onboarding/);
  expect(toPlainText(rig.getBotMessages().at(-1))).toBe("🆕 Created: ONB-1 the train");
});

test("/plane assign creates the agent's label again if it was deleted after it was listed", async () => {
  const rig = await createCommandsApp();
  const item = rig.addTask("Mail", "Thot");
  await rig.runFirstPoll();
  const deletedLabel = "11111111-2222-4333-8444-555555555555";
  await rig.deps.cache.setItem(`labels-of:${rig.onb.id}`, { "agent:imhotep": deletedLabel });
  expect(await rig.sendAndGetReply("/plane assign ONB-1 Imhotep")).toBe("👤 Assigned ONB-1 Mail to Imhotep");
  expect(rig.readPlaneItem(item)).toMatchObject({ assignees: ["Imhotep"], labels: ["agent:Imhotep"] });
});

test("/plane assign sets the agent as assignee and label, and keeps other labels", async () => {
  const rig = await createCommandsApp();
  const item = rig.addTask("Mail", "Thot", { labels: [rig.plane.addLabel(rig.onb, "code").id] });
  await rig.runFirstPoll();
  expect(await rig.sendAndGetReply("/plane assign ONB-1 imho")).toBe("👤 Assigned ONB-1 Mail to Imhotep");
  expect(rig.readPlaneItem(item)).toMatchObject({ assignees: ["Imhotep"] });
  expect(rig.readPlaneItem(item).labels.sort()).toEqual(["agent:Imhotep", "code"]);
  expect(await rig.sendAndGetReply("/plane assign 1 to Imhotep")).toBe("👤 Assigned ONB-1 Mail to Imhotep");
});

test("/plane assign asks which agent is meant if several match", async () => {
  const rig = await createCommandsApp();
  rig.addTask("Mail");
  await rig.runFirstPoll();
  const [question] = await rig.sendMessage("/plane assign ONB-1 ho");
  expect(question?.buttons.flat().map(({ text }) => text)).toEqual(["Imhotep", "Thot"]);
  await rig.pressButton(question, "Thot");
  expect(toPlainText(rig.getBotMessages().at(-1))).toBe("👤 Assigned ONB-1 Mail to Thot");
});

test("/plane block, unblock, cancel change the status in Plane, with the reason as a plain text comment", async () => {
  const rig = await createCommandsApp();
  const item = rig.addTask("Mail", "Imhotep");
  await rig.runFirstPoll();
  expect(await rig.sendAndGetReply("/plane block ONB-1 waits for <b>the</b> lawyer")).toBe("⛔ Blocked: ONB-1 Mail");
  expect(rig.readPlaneItem(item).labels).toContain("blocked");
  expect(rig.readComments(item).join()).toContain("&#x3C;b>the&#x3C;/b> lawyer");
  expect(await rig.sendAndGetReply("/plane block ONB-1")).toBe("ℹ️ No change needed: ONB-1 Mail");
  expect(await rig.sendAndGetReply("/plane unblock ONB-1")).toBe("🟢 Unblocked: ONB-1 Mail");
  expect(rig.readPlaneItem(item).labels).not.toContain("blocked");
  expect(await rig.sendAndGetReply("/plane unblock ONB-1")).toBe("ℹ️ This task is not blocked: ONB-1 Mail");
  expect(await rig.sendAndGetReply("/plane annuler onb-1 plus besoin")).toBe("✖️ Cancelled: ONB-1 Mail");
  expect(rig.readPlaneItem(item).state).toBe("Cancelled");
  expect(await rig.sendAndGetReply("/plane block ONB-1")).toBe("ℹ️ This task is already closed: ONB-1 Mail");
});

test("/plane block, unblock, cancel ask before they change a task named by part of its title", async () => {
  const rig = await createCommandsApp();
  const item = rig.addTask("Send the welcome mail");
  await rig.runFirstPoll();
  const [question] = await rig.sendMessage("/plane cancel welcome");
  expect(toPlainText(question)).toBe("Did you mean this task?");
  expect(rig.readPlaneItem(item).state).toBe("Backlog");
  await rig.pressButton(question, /ONB-1/);
  expect(toPlainText(rig.getBotMessages()[0])).toBe("✖️ Cancelled: ONB-1 Send the welcome mail");
  expect(rig.readPlaneItem(item).state).toBe("Cancelled");
});

test("/plane block, unblock, cancel: cancel ends the claim of the agent", async () => {
  const rig = await createCommandsApp();
  rig.addTask("Mail", "Imhotep");
  await rig.runFirstPoll();
  await rig.actAs("Imhotep").setStatus("ONB-1", { status: "in_progress" });
  await rig.sendAndGetReply("/plane cancel ONB-1");
  await expect(rig.actAs("Imhotep").setStatus("ONB-1", { status: "done", text: "x" })).rejects.toThrow(/ONB-1/);
});

test("/plane block, unblock, cancel report an error of Plane in words, and the next command works", async () => {
  const rig = await createCommandsApp();
  rig.addTask("Mail");
  await rig.runFirstPoll();
  await rig.plane.takeDown();
  expect(await rig.sendAndGetReply("/plane cancel ONB-1")).toMatch(/^⚠️ Plane refused the change or did not respond/);
  await rig.plane.bringUp();
  expect(await rig.sendAndGetReply("/plane cancel ONB-1")).toBe("✖️ Cancelled: ONB-1 Mail");
});

async function inReview() {
  const rig = await createCommandsApp();
  const item = rig.addTask("Mail", "Imhotep");
  await rig.runFirstPoll();
  await rig.actAs("Imhotep").setStatus("ONB-1", { status: "in_progress" });
  await rig.actAs("Imhotep").setStatus("ONB-1", { status: "done", text: "Written", confidence: 0.4 });
  await rig.runUntilIdle();
  return { rig, item };
}

test("/plane approve, reject: approve completes a task in review", async () => {
  const { rig, item } = await inReview();
  expect(await rig.sendAndGetReply("/plane approve ONB-1")).toBe("✅ Approved and done: ONB-1 Mail");
  expect(rig.readPlaneItem(item)).toMatchObject({ state: "Done" });
  expect(rig.readComments(item).join()).toContain("by Ada (Telegram)");
});

test("/plane approve, reject: reject sends a task in review back with a reason", async () => {
  const { rig, item } = await inReview();
  expect(await rig.sendAndGetReply("/plane reject ONB-1 too short")).toBe("↩️ Sent back: ONB-1 Mail");
  expect(rig.readPlaneItem(item)).toMatchObject({ state: "Todo" });
  expect(rig.readComments(item).join()).toContain("too short");
});

test("/plane approve, reject do not change a task that is not in review", async () => {
  const rig = await createCommandsApp();
  rig.addTask("Mail");
  await rig.runFirstPoll();
  expect(await rig.sendAndGetReply("/plane approve ONB-1")).toBe("ℹ️ This task is not in review: ONB-1 Mail");
});

test("/plane mute stops notifications for the given time, and unmute resumes them", async () => {
  const rig = await createCommandsApp();
  const [one, two, three] = ["One", "Two", "Three"].map((name) => rig.addTask(name));
  await rig.runFirstPoll();
  expect(await rig.sendAndGetReply("/plane mute ONB 2h")).toMatch(
    /^🔕 Muted until 10:00: Onboarding \(ONB\)\nQuestions/,
  );
  rig.plane.editItem(one ?? "", { state: "Done" });
  await rig.deliverWebhooks();
  await rig.runUntilIdle();
  expect(rig.getBotMessages()).toHaveLength(1);
  rig.advance(2 * 3_600_000);
  rig.plane.editItem(two ?? "", { state: "Done" });
  await rig.deliverWebhooks();
  await rig.runUntilIdle();
  expect(toPlainText(rig.getBotMessages().at(-1))).toContain("ONB-2");
  rig.advance(60_000);
  expect(await rig.sendAndGetReply("/plane mute ONB-3")).toMatch(/^🔕 Muted until you unmute: ONB-3 Three/);
  expect(await rig.sendAndGetReply("/plane unmute ONB-3")).toBe("🔔 Unmuted: ONB-3 Three");
  expect(await rig.sendAndGetReply("/plane unmute ONB-3")).toBe("ℹ️ This is not muted: ONB-3 Three");
  rig.plane.editItem(three ?? "", { state: "Done" });
  await rig.deliverWebhooks();
  await rig.runUntilIdle();
  expect(toPlainText(rig.getBotMessages().at(-1))).toContain("ONB-3");
});

test("/plane mute refuses an invalid duration", async () => {
  const rig = await createCommandsApp();
  await rig.runFirstPoll();
  expect(await rig.sendAndGetReply("/plane mute ONB soon")).toBe(
    "⚠️ “soon” is not a valid duration. Use a format such as 30m, 2h or 3d.",
  );
});
