import { expect, test } from "vitest";
import { ADA_USER, GROUP_CHAT } from "../commands/commands-app.ts";
import { createTicketMessagesApp } from "../ticket-messages-app.ts";

const ADA = "Ada (Telegram)";
const toOptions = (...labels: string[]) => labels.map((label) => ({ label }));
const LONG = "Grey with a label that is much too long for a button";
const COLOUR = { question: "Which colour?", options: toOptions("Red", "Blue", LONG) };
const TOOLS = { question: "Which tools?", multiSelect: true, options: toOptions("ky", "zod, v4", "tsx") };
const createHook = (...questions: object[]) => ({
  hook_event_name: "PermissionRequest",
  tool_name: "AskUserQuestion",
  tool_input: { questions },
});
const toAnswers = (answers: Record<string, string>) => ({
  hookSpecificOutput: { decision: { behavior: "allow", updatedInput: { answers } } },
});

async function createRunningApp() {
  const app = await createTicketMessagesApp();
  await app.requestTicketMessage();
  const token = await app.startSession();
  const tap = async (text: string, label: string) => {
    const toast = await app.tapButton(app.findMessage(text), label);
    await app.advanceAndDrain();
    return toast;
  };
  return { app, token, tap, readLabels: (text: string) => app.getButtonLabels(app.findMessage(text)) };
}

test("the questions of one call are messages one after the other, and an old button does not answer the next one", async () => {
  const { app, token, tap, readLabels } = await createRunningApp();
  const { json } = await app.holdHook(
    token,
    createHook(COLOUR, { ...COLOUR, question: "Which background?" }),
    async () => {
      await app.advanceAndDrain();
      const first = app.findMessage("Which colour?");
      expect(app.readLines("Which colour?").slice(1, 3)).toEqual(["Question 1 of 2", "Which colour?"]);
      const [red] = first?.buttons.flat() ?? [];
      expect(await tap("Which colour?", "Blue")).toBe(`Answered by ${ADA}: Blue`);
      expect(app.readLines("Which colour?").slice(-2)).toEqual([`💡 Answered by ${ADA}: `, "Blue"]);
      expect(app.readLines("Which background?").slice(1, 3)).toEqual(["Question 2 of 2", "Which background?"]);
      expect(app.findMessage("Which background?")?.silent).toBeFalsy();
      const late = await app.telegram.press(GROUP_CHAT, ADA_USER, first?.id ?? 0, red?.callback_data ?? "");
      await app.pollUpdates();
      expect(late.answers).toEqual([`Answered by ${ADA}: Blue`]);
      await app.replyTo(app.findMessage("Which colour?"), "Red");
      expect(readLabels("Which background?")).toEqual([
        ...["Red", "Blue", "Grey with a label that is much too long…", "🏁 Complete"],
      ]);
      expect(await tap("Which background?", "Red")).toBe(`Answered by ${ADA}: Red`);
    },
  );
  expect(json).toMatchObject(toAnswers({ "Which colour?": "Blue", "Which background?": "Red" }));
});

test("a question that takes several options marks what is pressed, and Done answers with all of it", async () => {
  const { app, token, tap, readLabels } = await createRunningApp();
  const { json } = await app.holdHook(token, createHook(TOOLS), async () => {
    await app.advanceAndDrain();
    expect(readLabels("Which tools?")).toEqual(["☐ ky", "☐ zod, v4", "☐ tsx", "🏁 Complete"]);
    expect(app.readLines("Which tools?").at(-1)).toBe(
      "Press all answers that apply, then Done. Or reply to this message with an answer of your own.",
    );
    expect(await tap("Which tools?", "☐ tsx")).toBe("tsx");
    expect(await tap("Which tools?", "☐ ky")).toBe("ky, tsx");
    expect(readLabels("Which tools?")).toEqual(["☑ ky", "☐ zod, v4", "☑ tsx", "✅ Done", "🏁 Complete"]);
    expect(await tap("Which tools?", "☑ ky")).toBe("tsx");
    await tap("Which tools?", "☐ zod, v4");
    expect(await tap("Which tools?", "✅ Done")).toBe(`Answered by ${ADA}: "zod, v4", tsx`);
  });
  expect(json).toMatchObject(toAnswers({ "Which tools?": '"zod, v4", tsx' }));
  expect(app.readLines("Which tools?").slice(-2)).toEqual([`💡 Answered by ${ADA}: `, '"zod, v4", tsx']);
  expect(readLabels("Which tools?")).toEqual([]);
});

test("a reply to a question that takes several options is the answer, whatever is marked", async () => {
  const { app, token, tap } = await createRunningApp();
  const { json } = await app.holdHook(token, createHook(TOOLS, COLOUR), async () => {
    await app.advanceAndDrain();
    await tap("Which tools?", "☐ ky");
    await app.replyTo(app.findMessage("Which tools?"), "tsx, what you like");
    await app.advanceAndDrain();
    await app.replyTo(app.findMessage("Which colour?"), "Green");
  });
  expect(json).toMatchObject(toAnswers({ "Which tools?": "tsx, what you like", "Which colour?": "Green" }));
});
