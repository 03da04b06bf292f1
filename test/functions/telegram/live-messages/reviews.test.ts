import { expect, test } from "vitest";
import { toPlainText } from "../commands/commands-app.ts";
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

test("a review (OPENCLAW-12) applies to the shown state: what has changed is approved neither by a reply nor an old button (reliability 27)", async () => {
  const app = await createLiveMessagesApp();
  const { key, item, message } = await createReview(app);
  const old = getButtonData(message(), 0);
  const changed = `${key} has changed. Read it again before you approve it.`;
  app.plane.editItem(item, { description_html: "<p>Something else entirely</p>", name: "Sign the terms" });
  expect(await app.tapButton(message(), "✅ Approve")).toBe(changed);
  expect(toPlainText(message())).toContain(
    "Changed since this message was sent: title, description. Review the task again before you approve it.",
  );
  expect(toPlainText(message())).toContain("Sign the terms");
  await app.tapButtonData(message()?.id ?? 0, old);
  expect(app.readPlaneItem(item).labels).toContain("review");
  app.plane.editItem(item, { name: "Sign all terms" });
  for (let n = 0; n < 2; n += 1) {
    await app.replyTo(message(), "ok");
    expect(toPlainText(app.getBotMessages().at(-1))).toBe(changed);
    expect(app.readPlaneItem(item).labels).toContain("review");
  }
  await app.tapButton(message(), "✅ Approve");
  expect(app.readPlaneItem(item).state).toBe("Done");
});

test("a review (OPENCLAW-12) is a separate message that shows the agent's confidence, and a reply after Send back gives the reason", async () => {
  const app = await createLiveMessagesApp();
  const { key, item, message } = await createReview(app);
  expect(toPlainText(message())).toBe(
    `🔍 Review requested: ${key} Write the terms\nConfidence of Imhotep: 55%\nTwo clauses are guesses.\n` +
      "Approve the task, or reply to this message with what is missing.",
  );
  expect(app.getButtonLabels(message())).toEqual(["✅ Approve", "↩️ Send back"]);
  expect(message()?.replyTo).toBe(app.getBotMessages()[0]?.id);
  expect(await app.tapButton(message(), "↩️ Send back")).toBe("Reply with the reason, or press again.");
  expect(app.readPlaneItem(item).labels).toContain("review");
  expect(app.getButtonLabels(message())).toEqual(["↩️ Send back without a reason", "✅ Approve"]);
  await app.restart();
  await app.replyTo(message(), "Too long");
  expect(toPlainText(message())).toContain("↩️ Sent back by Ada (Telegram): \nToo long");
  expect(app.readPlaneItem(item)).toMatchObject({ state: "Todo", labels: ["agent:Imhotep"] });
  expect(app.readComments(item).join()).toContain("Too long");
});

test.each([
  ["Ok 👍🏽", "✅ Approved by Ada"],
  ["ok?", "↩️ Sent back by Ada"],
])("a review (OPENCLAW-12): the reply %j says %j", async (text, outcome) => {
  const app = await createLiveMessagesApp();
  const { message } = await createReview(app);
  await app.replyTo(message(), text);
  expect(toPlainText(message())).toContain(outcome);
});
