import { expect, test } from "vitest";
import { createUpdateJob } from "../../../../shared/jobs/updates-jobs.ts";
import { workKeys } from "../../../../shared/work/context/work-keys.ts";
import { answerQuestion, type KeptQuestion } from "../../../../shared/work/questions/questions.ts";
import { ADA_USER, GROUP_CHAT, STRANGER_USER, toPlainText } from "../commands/commands-app.ts";
import { createLiveMessagesApp, type LiveMessagesApp } from "../live-messages-app.ts";

const QUESTION = { text: "Which colour?\nThe logo has both.", choices: ["Blue", "Red"] };

async function askColour(rig: LiveMessagesApp) {
  const key = await rig.startTask("Imhotep", "Paint the door");
  const question = await rig.askQuestion("Imhotep", key, QUESTION);
  return { key, question, message: () => rig.findMessage("Which colour?") };
}

const readAnswer = async (rig: LiveMessagesApp, id: string) =>
  (await rig.store.read<KeptQuestion>([workKeys.question(id)]))[0]?.value.answer;

test("a question is a message of its own with a button for each choice, in the thread of its task", async () => {
  const rig = await createLiveMessagesApp();
  const { key, message } = await askColour(rig);
  expect(toPlainText(message())).toBe(
    `❓ Question from Imhotep: ${key} Paint the door\nWhich colour?\nThe logo has both.\n` +
      "Choose a button, or reply to this message with your own answer.",
  );
  expect(rig.getButtonLabels(message())).toEqual(["Blue", "Red"]);
  expect(message()?.replyTo).toBe(rig.getBotMessages()[0]?.id);
});

test("a question answered by a button shows the answer and its author and loses its buttons", async () => {
  const rig = await createLiveMessagesApp();
  const { question, message } = await askColour(rig);
  expect(await rig.tapButton(message(), "Red")).toBe("Your answer: Red");
  expect(await readAnswer(rig, question.id)).toMatchObject({ text: "Red", by: "Ada (Telegram)" });
  expect(toPlainText(message())).toContain("💡 Answered by Ada (Telegram): \nRed");
  expect(rig.getButtonLabels(message())).toEqual([]);
  expect(rig.readComments({ id: question.item }).join()).toContain("Red");
});

test("a question can be answered by a reply in the human's own words", async () => {
  const rig = await createLiveMessagesApp();
  const { question, message } = await askColour(rig);
  const before = rig.getBotMessages().length;
  await rig.replyTo(message(), "Neither: green");
  expect(await readAnswer(rig, question.id)).toMatchObject({ text: "Neither: green" });
  expect(toPlainText(message())).toContain("Neither: green");
  expect(rig.getBotMessages()).toHaveLength(before);
});

test("a question is answered by a text with invisible characters, without a claim that somebody was first", async () => {
  const rig = await createLiveMessagesApp();
  const { question, message } = await askColour(rig);
  const before = rig.getBotMessages().length;
  await rig.replyTo(message(), "\u200fGreen\u200b,\r\nplease");
  expect(await readAnswer(rig, question.id)).toMatchObject({ text: "Green,\nplease" });
  expect(rig.getBotMessages()).toHaveLength(before);
});

test("a question can be answered by the caption of a picture", async () => {
  const rig = await createLiveMessagesApp();
  const { question, message } = await askColour(rig);
  const as = { text: undefined, caption: "Like this one", photo: [] };
  await rig.telegram.postAsUser(GROUP_CHAT, ADA_USER, "-", { replyTo: message()?.id ?? 0, as });
  await rig.pollUpdates();
  expect(await readAnswer(rig, question.id)).toMatchObject({ text: "Like this one" });
});

test("a question answered elsewhere shows the answer, and a late press or reply learns who was first", async () => {
  const rig = await createLiveMessagesApp();
  const { question, message } = await askColour(rig);
  const button = message()?.buttons[0]?.[0]?.callback_data ?? "";
  await answerQuestion(rig.deps, question.id, { text: "Red", by: "Bob" });
  await rig.advanceAndDrain();
  expect(toPlainText(message())).toContain("Answered by Bob");
  expect(await rig.tapButtonData(message()?.id ?? 0, button)).toBe("Already answered by Bob: Red");
  await rig.replyTo(message(), "Blue!");
  expect(toPlainText(rig.getBotMessages().at(-1))).toBe("Already answered by Bob: Red");
  expect(await readAnswer(rig, question.id)).toMatchObject({ text: "Red", by: "Bob" });
});

test("a question of a closed task needs no answer: its buttons are removed, and a late press says so", async () => {
  const rig = await createLiveMessagesApp();
  const { key, message } = await askColour(rig);
  const button = message()?.buttons[0]?.[0]?.callback_data ?? "";
  await rig.actAs("Ada").setStatus(key, { status: "cancelled" });
  await rig.advanceAndDrain();
  expect(toPlainText(message())).toContain("The task is closed: no answer is needed.");
  expect(rig.getButtonLabels(message())).toEqual([]);
  expect(await rig.tapButtonData(message()?.id ?? 0, button)).toBe("This request is closed.");
});

test("a question pressed fifty times, and one press delivered fifty times, has one answer and one edit (reliability 15)", async () => {
  const rig = await createLiveMessagesApp();
  const { question, message } = await askColour(rig);
  const id = message()?.id ?? 0;
  const presses = [];
  for (let n = 0; n < 50; n += 1)
    presses.push(await rig.telegram.press(GROUP_CHAT, ADA_USER, id, `ask:${question.id}:${n % 2}`));
  for (let n = 0; n < 50; n += 1) {
    const job = createUpdateJob(presses[0]?.update, "again");
    await rig.store.commit({ jobs: job ? [job] : [] });
  }
  await rig.pollUpdates();
  expect(presses.map(({ answers }) => answers.length)).toEqual(presses.map(() => 1));
  expect(await readAnswer(rig, question.id)).toMatchObject({ text: "Blue" });
  const edits = rig.telegram.calls.filter(({ method, messageId }) => method === "editMessageText" && messageId === id);
  expect(edits).toHaveLength(1);
  expect(rig.readComments({ id: question.item }).filter((comment) => comment.includes("Answer"))).toHaveLength(1);
});

test("a question ignores presses and replies of unauthorized users (reliability 17)", async () => {
  const rig = await createLiveMessagesApp();
  const { question, message } = await askColour(rig);
  expect(await rig.tapButton(message(), "Red", STRANGER_USER)).toBe("");
  await rig.replyTo(message(), "Black", STRANGER_USER);
  expect(await readAnswer(rig, question.id)).toBeUndefined();
  expect(rig.getButtonLabels(message())).toEqual(["Blue", "Red"]);
});

test("a question shows choices in full in its text if they are many, long or hostile", async () => {
  const rig = await createLiveMessagesApp();
  const key = await rig.startTask("Imhotep", "<b>_*[x](http://evil.example) @all /start \u202e");
  const choices = ["x".repeat(90), "\u202e`rm -rf`", ...Array.from({ length: 8 }, (_, n) => `Choice ${n}`)];
  const question = await rig.askQuestion("Imhotep", key, { text: "Pick @one of #these", choices });
  const message = rig.findMessage("Pick @one");
  expect(rig.getButtonLabels(message)).toHaveLength(8);
  expect(rig.getButtonLabels(message)?.[0]).toBe(`${"x".repeat(39)}…`);
  expect(toPlainText(message)).toContain(`1. ${"x".repeat(90)}\n2. \`rm -rf\`\n`);
  expect(toPlainText(message)).toContain("10. Choice 7");
  expect(message?.entities.map(({ type }) => type)).not.toContain("mention");
  expect(await rig.tapButton(message, `${"x".repeat(39)}…`)).toContain("Your answer: xxx");
  expect(await readAnswer(rig, question.id)).toMatchObject({ text: choices[0] });
});

test("a reminder replies to the first message and has its buttons; one answer closes both", async () => {
  const rig = await createLiveMessagesApp();
  const { message } = await askColour(rig);
  const first = message();
  await rig.advanceAndDrain(3_605_000);
  const again = message();
  expect(again?.id).not.toBe(first?.id);
  expect(again?.replyTo).toBe(first?.id);
  expect(toPlainText(again)).toContain("Question (reminder)");
  expect(again?.buttons).toEqual(first?.buttons);
  await rig.tapButton(again, "Blue");
  for (const copy of rig.getBotMessages().filter((message) => toPlainText(message).includes("Which colour?"))) {
    expect(toPlainText(copy)).toContain("Answered by Ada (Telegram)");
    expect(rig.getButtonLabels(copy)).toEqual([]);
  }
});

test("a question is not lost by a restart between the question and its message", async () => {
  const rig = await createLiveMessagesApp();
  const key = await rig.startTask("Imhotep", "Paint the door");
  rig.telegram.injectFaults({ kind: "dropped" });
  await rig.askQuestion("Imhotep", key, QUESTION);
  await rig.restart();
  await rig.advanceAndDrain();
  expect(rig.getButtonLabels(rig.findMessage("Which colour?"))).toEqual(["Blue", "Red"]);
});

test("a question is not lost by a restart: while the question waits for an answer", async () => {
  const rig = await createLiveMessagesApp();
  const { question, message } = await askColour(rig);
  await rig.restart();
  await rig.tapButton(message(), "Red");
  expect(await readAnswer(rig, question.id)).toMatchObject({ text: "Red" });
  expect(toPlainText(message())).toContain("Answered by");
});

test("a question is not lost by a restart between the answer and the edit that shows it", async () => {
  const rig = await createLiveMessagesApp();
  const { question, message } = await askColour(rig);
  rig.telegram.injectFaults({ kind: "error", status: 500, description: "Internal Server Error" }, { kind: "dropped" });
  await answerQuestion(rig.deps, question.id, { text: "Red", by: "Bob" });
  await rig.drain();
  await rig.restart();
  await rig.advanceAndDrain(20_000);
  expect(toPlainText(message())).toContain("Answered by Bob");
});

test("a question is not lost by a restart when its send got no answer: both messages can be pressed, and both lose their buttons", async () => {
  const rig = await createLiveMessagesApp();
  const key = await rig.startTask("Imhotep", "Paint the door");
  rig.telegram.injectFaults({ kind: "lost" });
  await rig.askQuestion("Imhotep", key, QUESTION);
  await rig.restart();
  await rig.advanceAndDrain();
  const both = () => rig.getBotMessages().filter((message) => toPlainText(message).includes("Which colour?"));
  expect(both()).toHaveLength(2);
  expect(toPlainText(both()[1])).toContain("(may be a repeat)");
  expect(await rig.tapButton(both()[0], "Red")).toBe("Your answer: Red");
  for (const copy of both()) {
    expect(toPlainText(copy)).toContain("Answered by Ada");
    expect(rig.getButtonLabels(copy)).toEqual([]);
  }
});
