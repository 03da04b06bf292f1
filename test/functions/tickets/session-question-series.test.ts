import { expect, test } from "vitest";
import { createAppWithSession, createSession } from "./tickets-app.ts";

const toOptions = (...labels: string[]) => labels.map((label) => ({ label, description: `It is ${label}.` }));
const COLOUR = { question: "Which colour?", header: "Colour", multiSelect: false, options: toOptions("Red", "Blue") };
const TOOLS = { question: "Which tools?", header: "Tools", multiSelect: true, options: toOptions("ky", "zod", "tsx") };
const SIZE = { question: "Which size?", header: "Size", multiSelect: false, options: toOptions("S", "M") };

const createHook = (questions: object[], hook_event_name = "PermissionRequest") => ({
  hook_event_name,
  tool_name: "AskUserQuestion",
  tool_input: { questions },
});
const toDecision = (questions: object[], answers: Record<string, string>) => ({
  hookSpecificOutput: {
    hookEventName: "PermissionRequest",
    decision: { behavior: "allow", updatedInput: { questions, answers } },
  },
});

async function createAppWithQuestions() {
  const { app, token, readSession } = await createAppWithSession();
  const readQuestions = async () => (await readSession()).questions;
  const answerById = async (question: string, answer: string) =>
    (await app.call("/api/sessions/ONB-1/answer", { question, answer })).status;
  /** Answers the question that is open now. */
  const answerOpen = async (answer: string) => {
    const [{ id }] = await readQuestions();
    expect(await answerById(id, answer)).toBe(200);
  };
  /** Sends a hook whose request looks for its answer again after each step; the last step is repeated. */
  const holdHook = (questions: object[], ...steps: (() => unknown)[]) => {
    app.deps.wait = async () => void (await (steps.length > 1 ? steps.shift() : steps[0])?.());
    return app.hook(token, createHook(questions));
  };
  return { app, token, readSession, readQuestions, answerOpen, answerById, holdHook };
}

test("A question that takes several options is answered by several of them with a text of one's own", async () => {
  const { answerOpen, holdHook } = await createAppWithQuestions();
  const { json } = await holdHook([TOOLS], () => answerOpen("tsx, ky, and axios, too"));
  expect(json).toEqual(toDecision([TOOLS], { "Which tools?": 'ky, tsx, "and axios, too"' }));
});

test("An answer that is repeated changes nothing, and another one to an earlier question does not answer the next one", async () => {
  const { readQuestions, answerOpen, answerById, holdHook } = await createAppWithQuestions();
  const { json } = await holdHook([COLOUR, SIZE], async () => {
    const [first] = await readQuestions();
    await answerOpen("Blue");
    const second = await readQuestions();
    expect([await answerById(first.id, "Blue"), await answerById(first.id, "Red")]).toEqual([200, 409]);
    expect(await readQuestions()).toEqual(second);
    await answerOpen("M");
  });
  expect(json).toEqual(toDecision([COLOUR, SIZE], { "Which colour?": "Blue", "Which size?": "M" }));
});

test("After kill -9 between two answers, the repeated request continues with the next question and gets both answers", async () => {
  const { app, readQuestions, answerOpen, holdHook } = await createAppWithQuestions();
  const kill = async () => {
    await answerOpen("Something else");
    throw new Error("the process has ended");
  };
  await holdHook([COLOUR, SIZE], kill).catch(() => {});
  const before = await readQuestions();
  expect(before).toMatchObject([{ text: "Which size?", number: 2 }]);
  const { json } = await holdHook([COLOUR, SIZE], async () => {
    expect(await readQuestions()).toEqual(before);
    await answerOpen("S");
  });
  expect(json).toEqual(toDecision([COLOUR, SIZE], { "Which colour?": "Something else", "Which size?": "S" }));
  expect((await app.exchange([createSession()])).sessions[0]?.inputs).toEqual([]);
});

test("Once the dialog alone waits, a text of one's own closes it, and the session reads all answers as text", async () => {
  const { app, answerOpen, holdHook, readQuestions } = await createAppWithQuestions();
  expect(await holdHook([COLOUR, TOOLS], () => {})).toMatchObject({ status: 204 });
  await answerOpen("Green, please");
  await answerOpen("ky, tsx");
  expect(await readQuestions()).toEqual([]);
  const inputs = (await app.exchange([createSession()])).sessions[0]?.inputs ?? [];
  expect(inputs.map(({ kind, text }) => [kind, text])).toEqual([
    ["keys", "Escape"],
    ["text", "Which colour? Green, please; Which tools? ky, tsx"],
  ]);
});

test("A series that somebody answers in the terminal is closed, whichever of its questions is open", async () => {
  const { app, token, readSession, answerOpen, answerById, holdHook } = await createAppWithQuestions();
  const { status } = await holdHook(
    [COLOUR, SIZE],
    () => answerOpen("Red"),
    async () => {
      const [{ id }] = (await readSession()).questions;
      await app.hook(token, createHook([SIZE], "PostToolUse"));
      expect((await readSession()).questions).toMatchObject([{ id }]);
      await app.hook(token, createHook([COLOUR, SIZE], "PostToolUse"));
      expect(await answerById(id, "M")).toBe(409);
    },
  );
  expect(status).toBe(204);
  expect(await readSession()).toMatchObject({ state: "running", questions: [] });
  expect((await app.exchange([createSession()])).sessions[0]?.inputs).toEqual([]);
});
