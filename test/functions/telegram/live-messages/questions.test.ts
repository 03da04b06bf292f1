import { expect, test } from "vitest";
import { createUpdateJob } from "../../../../shared/jobs/incoming-jobs.ts";
import { findRequest } from "../../../../shared/requests/requests.ts";
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

test("a question of a closed task needs no answer: its buttons are removed, and a late press reports that it is closed", async () => {
  const app = await createLiveMessagesApp();
  const { key, message } = await askColour(app);
  const button = message()?.buttons[0]?.[0]?.callback_data ?? "";
  await app.actAs("Ada").setStatus(key, { status: "cancelled" });
  await app.advanceAndDrain();
  expect(toPlainText(message())).toContain("The task is closed: no answer is needed.");
  expect(app.getButtonLabels(message())).toEqual([]);
  expect(await app.tapButtonData(message()?.id ?? 0, button)).toBe("The task is closed: no answer is needed.");
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

test("a question is not lost by a restart when its send got no answer: both messages can be pressed, and both lose their buttons", async () => {
  const app = await createLiveMessagesApp();
  const key = await app.startTask("Imhotep", "Paint the door");
  app.telegram.injectFaults({ kind: "lost" });
  await app.askQuestion("Imhotep", key, QUESTION);
  await app.restart();
  await app.advanceAndDrain();
  const both = () => app.getBotMessages().filter((message) => toPlainText(message).includes("Which colour?"));
  expect(both()).toHaveLength(2);
  expect(toPlainText(both()[1])).toContain("(may be a repeat)");
  expect(await app.tapButton(both()[0], "Red")).toBe("Answered by Ada (Telegram): Red");
  for (const copy of both()) {
    expect(toPlainText(copy)).toContain("Answered by Ada");
    expect(app.getButtonLabels(copy)).toEqual([]);
  }
});
