import { expect, test } from "vitest";
import { pickSize } from "../../../reliability/random-source.ts";
import { ADA_USER, STRANGER_USER, toPlainText } from "../commands/commands-app.ts";
import { createLiveMessagesApp, type LiveMessagesApp } from "../live-messages-app.ts";

/** Creates a task that its agent has finished with low confidence. */
async function createReview(app: LiveMessagesApp, title = "Write the terms") {
  const key = await app.startTask("Imhotep", title);
  await app.actAs("Imhotep").setStatus(key, { status: "done", confidence: 0.55, text: "Two clauses are guesses." });
  await app.advanceAndDrain(8_000);
  const [item] = app.plane.items(app.onb);
  if (!item) throw new Error("no item");
  return { key, item, message: () => app.findMessage("Review requested") };
}

const getButtonData = (message: ReturnType<LiveMessagesApp["findMessage"]>, n: number) =>
  message?.buttons.flat()[n]?.callback_data ?? "";

test("a review (OPENCLAW-12) is a separate message that shows the agent's confidence, with Approve and Send back", async () => {
  const app = await createLiveMessagesApp();
  const { key, message } = await createReview(app);
  expect(toPlainText(message())).toBe(
    `🔍 Review requested: ${key} Write the terms\nConfidence of Imhotep: 55%\nTwo clauses are guesses.\n` +
      "Approve the task, or reply to this message with what is missing.",
  );
  expect(app.getButtonLabels(message())).toEqual(["✅ Approve", "↩️ Send back"]);
  expect(message()?.replyTo).toBe(app.getBotMessages()[0]?.id);
});

test("a review (OPENCLAW-12) is sent back by a reply with the reason", async () => {
  const app = await createLiveMessagesApp();
  const { item, message } = await createReview(app);
  await app.replyTo(message(), "Clause 3 is missing");
  expect(app.readPlaneItem(item)).toMatchObject({ state: "Todo", labels: ["agent:Imhotep"] });
  expect(toPlainText(message())).toContain("↩️ Sent back by Ada (Telegram): \nClause 3 is missing");
  expect(app.readComments(item).join()).toContain("Clause 3 is missing");
});

test.each(pickSize(["ok", "OK!", "Approved.", "👍🏽", " ✅ "], ["ok", " ✅ "]))(
  "a review (OPENCLAW-12) is approved by the reply %j and not sent back for it",
  async (text) => {
    const app = await createLiveMessagesApp();
    const { item, message } = await createReview(app);
    await app.replyTo(message(), text);
    expect(app.readPlaneItem(item).state).toBe("Done");
    expect(toPlainText(message())).toContain("✅ Approved by Ada (Telegram)");
  },
);

test("a review (OPENCLAW-12) is not approved by a reply if the message has changed: then the button is needed", async () => {
  const app = await createLiveMessagesApp();
  const { key, item, message } = await createReview(app);
  app.plane.editItem(item, { name: "Sign the terms" });
  for (let n = 0; n < 2; n += 1) {
    await app.replyTo(message(), "ok");
    expect(toPlainText(app.getBotMessages().at(-1))).toBe(`${key} has changed. Read it again before you approve it.`);
    expect(app.readPlaneItem(item).labels).toContain("review");
  }
  await app.tapButton(message(), "✅ Approve");
  expect(app.readPlaneItem(item).state).toBe("Done");
});

test("a review (OPENCLAW-12) asks for a reason after Send back, and a reply gives it", async () => {
  const app = await createLiveMessagesApp();
  const { item, message } = await createReview(app);
  expect(await app.tapButton(message(), "↩️ Send back")).toBe("Reply with the reason, or press again.");
  expect(app.readPlaneItem(item).labels).toContain("review");
  expect(app.getButtonLabels(message())).toEqual(["↩️ Send back without a reason", "✅ Approve"]);
  await app.restart();
  await app.replyTo(message(), "Too long");
  expect(toPlainText(message())).toContain("Too long");
  expect(app.readPlaneItem(item).state).toBe("Todo");
});

test("a review (OPENCLAW-12) is sent back without a reason when Send back is pressed again", async () => {
  const app = await createLiveMessagesApp();
  const { item, message } = await createReview(app);
  await app.tapButton(message(), "↩️ Send back");
  expect(await app.tapButton(message(), "↩️ Send back without a reason")).toBe("Sent back by Ada (Telegram)");
  expect(app.readPlaneItem(item).state).toBe("Todo");
  expect(toPlainText(message())).toContain("Sent back by Ada (Telegram)");
});

test("a review (OPENCLAW-12) applies to the shown state: a task that has changed is not approved but shown again (reliability 27)", async () => {
  const app = await createLiveMessagesApp();
  const { key, item, message } = await createReview(app);
  app.plane.editItem(item, { description_html: "<p>Something else entirely</p>", name: "Sign the terms" });
  expect(await app.tapButton(message(), "✅ Approve")).toBe(`${key} has changed. Read it again before you approve it.`);
  expect(app.readPlaneItem(item).labels).toContain("review");
  expect(toPlainText(message())).toContain(
    "Changed since this message was sent: title, description. Review the task again before you approve it.",
  );
  expect(toPlainText(message())).toContain("Sign the terms");
  await app.tapButton(message(), "✅ Approve");
  expect(app.readPlaneItem(item).state).toBe("Done");
});

test("a review (OPENCLAW-12) is not approved by the button of an earlier state", async () => {
  const app = await createLiveMessagesApp();
  const { item, message } = await createReview(app);
  const old = getButtonData(message(), 0);
  app.plane.editItem(item, { name: "Sign the terms" });
  await app.tapButton(message(), "✅ Approve");
  await app.tapButtonData(message()?.id ?? 0, old);
  expect(app.readPlaneItem(item).labels).toContain("review");
});

test("a review (OPENCLAW-12) is not approved by the button of an earlier review", async () => {
  const app = await createLiveMessagesApp();
  const { key, item, message } = await createReview(app);
  const first = message();
  const old = getButtonData(first, 0);
  await app.replyTo(first, "Again, please");
  await app.actAs("Imhotep").setStatus(key, { status: "in_progress" });
  await app.actAs("Imhotep").setStatus(key, { status: "done", confidence: 0.6, text: "Still a guess." });
  await app.advanceAndDrain(8_000);
  expect(await app.tapButtonData(first?.id ?? 0, old)).toBe("Sent back by Ada (Telegram): Again, please");
  expect(app.readPlaneItem(item).labels).toContain("review");
  expect(app.getButtonLabels(message())).toEqual(["✅ Approve", "↩️ Send back"]);
});

test("a review (OPENCLAW-12) approved in Plane shows so, and an old button says that it is closed", async () => {
  const app = await createLiveMessagesApp();
  const { item, message } = await createReview(app);
  const [old, id] = [getButtonData(message(), 0), message()?.id ?? 0];
  const done = app.plane.states(app.onb.id).find(({ name }) => name === "Done");
  app.plane.editItem(item, { state: done?.id ?? "" });
  await app.poll();
  await app.advanceAndDrain(8_000);
  expect(toPlainText(message())).toContain("No review is needed: the task is done.");
  expect(app.getButtonLabels(message())).toEqual([]);
  expect(await app.tapButtonData(id, old)).toBe("No review is needed: the task is done.");
});

test("a review (OPENCLAW-12) ignores presses and replies of unauthorized users (reliability 17)", async () => {
  const app = await createLiveMessagesApp();
  const { item, message } = await createReview(app);
  expect(await app.tapButton(message(), "✅ Approve", STRANGER_USER)).toBe("");
  await app.replyTo(message(), "No", STRANGER_USER);
  expect(app.readPlaneItem(item).labels).toContain("review");
});

test("a review (OPENCLAW-12) loses neither the approval nor the message when a restart interrupts the approval", async () => {
  const app = await createLiveMessagesApp();
  const { item, message } = await createReview(app);
  let isFirstVerdict = true;
  const commit = app.store.commit;
  app.store.commit = async (request) => {
    const outcome = await commit(request);
    if (isFirstVerdict && request.put?.some(({ value }) => Reflect.has(Object(value), "verdict"))) {
      isFirstVerdict = false;
      throw new Error("killed");
    }
    return outcome;
  };
  await app.telegram.press(-100_200, ADA_USER, message()?.id ?? 0, getButtonData(message(), 0));
  await app.pollUpdates();
  await app.restart();
  await app.advanceAndDrain(60_000);
  expect(app.readPlaneItem(item).state).toBe("Done");
  expect(toPlainText(message())).toContain("Approved by Ada (Telegram)");
});
