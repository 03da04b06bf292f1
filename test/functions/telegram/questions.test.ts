import { describe, expect, test } from "vitest";
import { updateJob } from "../../../shared/telegram/update-job.ts";
import { workKeys } from "../../../shared/work/keys.ts";
import { answerQuestion, type KeptQuestion } from "../../../shared/work/question.ts";
import { ADA, CHAT, plainly, STRANGER } from "./commands/rig.ts";
import { createLiveRig, type LiveRig } from "./live-rig.ts";

const QUESTION = { text: "Which colour?\nThe logo has both.", choices: ["Blue", "Red"] };

async function asked(rig: LiveRig) {
  const key = await rig.started("Imhotep", "Paint the door");
  const question = await rig.question("Imhotep", key, QUESTION);
  return { key, question, message: () => rig.message("Which colour?") };
}

const answerOf = async (rig: LiveRig, id: string) =>
  (await rig.store.read<KeptQuestion>([workKeys.question(id)]))[0]?.value.answer;

describe("a question", () => {
  test("is a message of its own with a button for each choice, in the thread of its task", async () => {
    const rig = await createLiveRig();
    const { key, message } = await asked(rig);
    expect(plainly(message())).toBe(
      `❓ Question from Imhotep: ${key} Paint the door\nWhich colour?\nThe logo has both.\n` +
        "Press a button, or reply to this message in your own words.",
    );
    expect(rig.labels(message())).toEqual(["Blue", "Red"]);
    expect(message()?.replyTo).toBe(rig.shown()[0]?.id);
  });

  test("answered by a button shows the answer and who gave it, and has no buttons any more", async () => {
    const rig = await createLiveRig();
    const { question, message } = await asked(rig);
    expect(await rig.tap(message(), "Red")).toBe("Your answer: Red");
    expect(await answerOf(rig, question.id)).toMatchObject({ text: "Red", by: "Ada (Telegram)" });
    expect(plainly(message())).toContain("💡 Answered by Ada (Telegram): \nRed");
    expect(rig.labels(message())).toEqual([]);
    expect(rig.comments({ id: question.item }).join()).toContain("Red");
  });

  test("is answered by a reply in the human's own words", async () => {
    const rig = await createLiveRig();
    const { question, message } = await asked(rig);
    const before = rig.shown().length;
    await rig.reply(message(), "Neither: green");
    expect(await answerOf(rig, question.id)).toMatchObject({ text: "Neither: green" });
    expect(plainly(message())).toContain("Neither: green");
    expect(rig.shown()).toHaveLength(before);
  });

  test("answered with marks that nobody sees is answered all the same, and nobody is said to have been first", async () => {
    const rig = await createLiveRig();
    const { question, message } = await asked(rig);
    const before = rig.shown().length;
    await rig.reply(message(), "\u200fGreen\u200b,\r\nplease");
    expect(await answerOf(rig, question.id)).toMatchObject({ text: "Green,\nplease" });
    expect(rig.shown()).toHaveLength(before);
  });

  test("is answered by what stands under a picture as well", async () => {
    const rig = await createLiveRig();
    const { question, message } = await asked(rig);
    const as = { text: undefined, caption: "Like this one", photo: [] };
    await rig.telegram.say(CHAT, ADA, "-", { replyTo: message()?.id ?? 0, as });
    await rig.hear();
    expect(await answerOf(rig, question.id)).toMatchObject({ text: "Like this one" });
  });

  test("answered elsewhere shows so, and an old button or a late reply is told kindly who was first", async () => {
    const rig = await createLiveRig();
    const { question, message } = await asked(rig);
    const button = message()?.buttons[0]?.[0]?.callback_data ?? "";
    await answerQuestion(rig.deps, question.id, { text: "Red", by: "Bob" });
    await rig.go();
    expect(plainly(message())).toContain("Answered by Bob");
    expect(await rig.tapData(message()?.id ?? 0, button)).toBe("Already answered by Bob: Red");
    await rig.reply(message(), "Blue!");
    expect(plainly(rig.shown().at(-1))).toBe("Already answered by Bob: Red");
    expect(await answerOf(rig, question.id)).toMatchObject({ text: "Red", by: "Bob" });
  });

  test("of a task that is over needs no answer: the buttons are gone, and an old one says so", async () => {
    const rig = await createLiveRig();
    const { key, message } = await asked(rig);
    const button = message()?.buttons[0]?.[0]?.callback_data ?? "";
    await rig.work("Ada").setStatus(key, { status: "cancelled" });
    await rig.go();
    expect(plainly(message())).toContain("The task is over: no answer is needed any more.");
    expect(rig.labels(message())).toEqual([]);
    expect(await rig.tapData(message()?.id ?? 0, button)).toBe("This is over: nothing is waited for any more.");
  });

  test("fifty presses, and one of them fifty times, are one answer and one edit (reliability 15)", async () => {
    const rig = await createLiveRig();
    const { question, message } = await asked(rig);
    const id = message()?.id ?? 0;
    const presses = [];
    for (let n = 0; n < 50; n += 1)
      presses.push(await rig.telegram.press(CHAT, ADA, id, `ask:${question.id}:${n % 2}`));
    for (let n = 0; n < 50; n += 1) {
      const job = updateJob(presses[0]?.update, "again");
      await rig.store.commit({ jobs: job ? [job] : [] });
    }
    await rig.hear();
    expect(presses.map(({ answers }) => answers.length)).toEqual(presses.map(() => 1));
    expect(await answerOf(rig, question.id)).toMatchObject({ text: "Blue" });
    const edits = rig.telegram.calls.filter(
      ({ method, messageId }) => method === "editMessageText" && messageId === id,
    );
    expect(edits).toHaveLength(1);
    expect(rig.comments({ id: question.item }).filter((comment) => comment.includes("Answer"))).toHaveLength(1);
  });

  test("nobody else's press or reply does anything (reliability 17)", async () => {
    const rig = await createLiveRig();
    const { question, message } = await asked(rig);
    expect(await rig.tap(message(), "Red", STRANGER)).toBe("");
    await rig.reply(message(), "Black", STRANGER);
    expect(await answerOf(rig, question.id)).toBeUndefined();
    expect(rig.labels(message())).toEqual(["Blue", "Red"]);
  });

  test("more choices than buttons, long ones and hostile ones stand whole in the text", async () => {
    const rig = await createLiveRig();
    const key = await rig.started("Imhotep", "<b>_*[x](http://evil.example) @all /start \u202e");
    const choices = ["x".repeat(90), "\u202e`rm -rf`", ...Array.from({ length: 8 }, (_, n) => `Choice ${n}`)];
    const question = await rig.question("Imhotep", key, { text: "Pick @one of #these", choices });
    const message = rig.message("Pick @one");
    expect(rig.labels(message)).toHaveLength(8);
    expect(rig.labels(message)?.[0]).toBe(`${"x".repeat(39)}…`);
    expect(plainly(message)).toContain(`1. ${"x".repeat(90)}\n2. \`rm -rf\`\n`);
    expect(plainly(message)).toContain("10. Choice 7");
    expect(message?.entities.map(({ type }) => type)).not.toContain("mention");
    expect(await rig.tap(message, `${"x".repeat(39)}…`)).toContain("Your answer: xxx");
    expect(await answerOf(rig, question.id)).toMatchObject({ text: choices[0] });
  });
});

describe("a reminder", () => {
  test("answers the first message and has its buttons; one answer ends both", async () => {
    const rig = await createLiveRig();
    const { message } = await asked(rig);
    const first = message();
    await rig.go(3_605_000);
    const again = message();
    expect(again?.id).not.toBe(first?.id);
    expect(again?.replyTo).toBe(first?.id);
    expect(plainly(again)).toContain("Asked again");
    expect(again?.buttons).toEqual(first?.buttons);
    await rig.tap(again, "Blue");
    for (const one of rig.shown().filter((shown) => plainly(shown).includes("Which colour?"))) {
      expect(plainly(one)).toContain("Answered by Ada (Telegram)");
      expect(rig.labels(one)).toEqual([]);
    }
  });
});

describe("a restart loses no question", () => {
  test("between the asking and the message", async () => {
    const rig = await createLiveRig();
    const key = await rig.started("Imhotep", "Paint the door");
    rig.telegram.meet({ kind: "dropped" });
    await rig.question("Imhotep", key, QUESTION);
    await rig.restart();
    await rig.go();
    expect(rig.labels(rig.message("Which colour?"))).toEqual(["Blue", "Red"]);
  });

  test("while it waits for an answer", async () => {
    const rig = await createLiveRig();
    const { question, message } = await asked(rig);
    await rig.restart();
    await rig.tap(message(), "Red");
    expect(await answerOf(rig, question.id)).toMatchObject({ text: "Red" });
    expect(plainly(message())).toContain("Answered by");
  });

  test("between the answer and the message that shows it", async () => {
    const rig = await createLiveRig();
    const { question, message } = await asked(rig);
    rig.telegram.meet({ kind: "error", status: 500, description: "Internal Server Error" }, { kind: "dropped" });
    await answerQuestion(rig.deps, question.id, { text: "Red", by: "Bob" });
    await rig.drain();
    await rig.restart();
    await rig.go(20_000);
    expect(plainly(message())).toContain("Answered by Bob");
  });

  test("when the answer to its sending was lost: both messages can be pressed, and both lose their buttons", async () => {
    const rig = await createLiveRig();
    const key = await rig.started("Imhotep", "Paint the door");
    rig.telegram.meet({ kind: "lost" });
    await rig.question("Imhotep", key, QUESTION);
    await rig.restart();
    await rig.go();
    const both = () => rig.shown().filter((one) => plainly(one).includes("Which colour?"));
    expect(both()).toHaveLength(2);
    expect(plainly(both()[1])).toContain("(may be a repeat)");
    expect(await rig.tap(both()[0], "Red")).toBe("Your answer: Red");
    for (const one of both()) {
      expect(plainly(one)).toContain("Answered by Ada");
      expect(rig.labels(one)).toEqual([]);
    }
  });
});
