import { expect, test } from "vitest";
import { createUpdateJob } from "../../../../shared/jobs/incoming-jobs.ts";
import { findRequest } from "../../../../shared/requests/requests.ts";
import { HOUR } from "../../../../shared/time.ts";
import { pickSize } from "../../../reliability/random-source.ts";
import { ADA_USER, GROUP_CHAT, toPlainText } from "../commands/commands-app.ts";
import { createLiveMessagesApp, type LiveMessagesApp } from "../live-messages-app.ts";

const QUESTION = { text: "Which colour?\nThe logo has both.", choices: ["Blue", "Red"] };

async function askColour(app: LiveMessagesApp) {
  const key = await app.startTask("Imhotep", "Paint the door");
  const question = await app.askQuestion("Imhotep", key, QUESTION);
  return { key, question, message: () => app.findMessage("Which colour?") };
}

const readAnswer = async (app: LiveMessagesApp, id: string) => (await findRequest(app, id))?.value.verdict;

test("a question is a separate message with a button for each choice, in the thread of its task; a reply answers it", async () => {
  const app = await createLiveMessagesApp();
  const { key, question, message } = await askColour(app);
  expect(toPlainText(message())).toBe(
    `❓ Question from Imhotep: ${key} Paint the door\nWhich colour?\nThe logo has both.\n` +
      "Press a button, or reply to this message with your own answer.",
  );
  expect(app.getButtonLabels(message())).toEqual(["Blue", "Red"]);
  expect(message()?.replyTo).toBe(app.getBotMessages()[0]?.id);
  const before = app.getBotMessages().length;
  // What cannot be seen is left out of an answer in words.
  await app.replyTo(message(), "\u200fGreen\u200b,\r\nplease");
  expect(await readAnswer(app, question.id)).toMatchObject({ comment: "Green,\nplease" });
  expect(app.getBotMessages()).toHaveLength(before);
});

/** How often a press is made and delivered. */
const TIMES = pickSize(50, 5);

test("a question pressed again and again, and one press delivered again and again, has one answer and one edit (reliability 15)", async () => {
  const app = await createLiveMessagesApp();
  const { question, message } = await askColour(app);
  const id = message()?.id ?? 0;
  const presses = [];
  for (let n = 0; n < TIMES; n += 1)
    presses.push(
      await app.telegram.press(GROUP_CHAT, ADA_USER, id, `r:${question.id}:${n % 2}.${question.hash.slice(0, 12)}`),
    );
  for (let n = 0; n < TIMES; n += 1) {
    const job = createUpdateJob(presses[0]?.update, "again");
    await app.store.commit({ jobs: job ? [job] : [] });
  }
  await app.pollUpdates();
  expect(presses.map(({ answers }) => answers.length)).toEqual(presses.map(() => 1));
  expect(await readAnswer(app, question.id)).toMatchObject({ comment: "Blue" });
  const edits = app.telegram.calls.filter(({ method, messageId }) => method === "editMessageText" && messageId === id);
  expect(edits).toHaveLength(1);
  expect(
    app.readComments({ id: question.subject.item ?? "" }).filter((comment) => comment.includes("Answer")),
  ).toHaveLength(1);
});

test("a question shows choices in full in its text if they are many, long or hostile", async () => {
  const app = await createLiveMessagesApp();
  const key = await app.startTask("Imhotep", "<b>_*[x](http://evil.example) @all /start \u202e");
  const choices = ["x".repeat(90), "\u202e`rm -rf`", ...Array.from({ length: 8 }, (_, n) => `Choice ${n}`)];
  const question = await app.askQuestion("Imhotep", key, { text: "Pick @one of #these", choices });
  const message = app.findMessage("Pick @one");
  expect(app.getButtonLabels(message)).toHaveLength(8);
  expect(app.getButtonLabels(message)?.[0]).toBe(`${"x".repeat(39)}…`);
  expect(toPlainText(message)).toContain(`1. ${"x".repeat(90)}\n2. \`rm -rf\`\n`);
  expect(toPlainText(message)).toContain("10. Choice 7");
  expect(message?.entities.map(({ type }) => type)).not.toContain("mention");
  expect(await app.tapButton(message, `${"x".repeat(39)}…`)).toContain("Answered by Ada (Telegram): xxx");
  expect(await readAnswer(app, question.id)).toMatchObject({ comment: choices[0] });
});

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

test("one edited message lists what waits for a person, and moves to the end of the chat as their one reminder", async () => {
  const app = await createLiveMessagesApp();
  const titles = ["One", "Two", "Three"];
  const keys: string[] = [];
  for (const title of titles) {
    const key = app.toTaskKey(app.addTask(title, "Imhotep"));
    await app.poll();
    await app.askQuestion("Imhotep", key, { text: `**${title}**?` });
    keys.push(key);
  }
  await app.advanceAndDrain(10_000);
  const findLists = () => app.getBotMessages().filter((message) => /^(?:🙋|⬇️|✅ Nothing)/u.test(toPlainText(message)));
  const [list, ...others] = findLists();
  expect(others).toEqual([]);
  const lines = titles.map((title, n) => `❓ ${keys[n]} ${title} (Imhotep, since 08:00): ${title}?`);
  expect(toPlainText(list)).toBe(["🙋 3 wait for you", ...lines].join("\n"));
  expect(list?.entities.filter(({ type }) => type === "text_link")).toHaveLength(3);
  const before = app.getBotMessages().length;
  app.advance(HOUR);
  await app.advanceAndDrain(120_000);
  expect(app.getBotMessages()).toHaveLength(before + 1);
  expect(findLists().map((message) => toPlainText(message).split("\n")[0])).toEqual([
    "⬇️ The list of what waits for you is further down.",
    "🙋 3 wait for you",
  ]);
  for (const title of titles) {
    const question = app.getBotMessages().find((message) => toPlainText(message).includes(`\n${title}?`));
    await app.replyTo(question, "yes");
    await app.advanceAndDrain(10_000);
  }
  expect(toPlainText(findLists().at(-1))).toBe("✅ Nothing waits for you.");
});
