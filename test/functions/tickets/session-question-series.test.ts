import { expect, test } from "vitest";
import { decideRequest } from "../../../shared/requests/requests.ts";
import { answerSessionHook } from "../../../shared/tickets/session-hook.ts";
import { findTicket } from "../../../shared/tickets/stored-tickets.ts";
import { createSqliteApp, killAtEachStep } from "./kill-at-each-step.ts";
import { createAppWithSession, createSession } from "./tickets-app.ts";

const toOptions = (...labels: string[]) => labels.map((label) => ({ label, description: `It is ${label}.` }));
const COLOUR = { question: "Which colour?", header: "Colour", multiSelect: false, options: toOptions("Red", "Blue") };
const TOOLS = {
  question: "Which tools?",
  header: "Tools",
  multiSelect: true,
  options: toOptions("ky", "zod, v4", "tsx"),
};
const SIZE = { question: "Which size?", header: "Size", multiSelect: false, options: toOptions("S", "M") };
const ALL = [COLOUR, TOOLS, SIZE];

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
  /** Answers the question that is open now; returns its id. */
  const answerOpen = async (answer: string, status = 200): Promise<string> => {
    const [{ id }] = await readQuestions();
    expect((await app.call("/api/sessions/ONB-1/answer", { question: id, answer })).status).toBe(status);
    return id;
  };
  const answerById = async (question: string, answer: string) =>
    (await app.call("/api/sessions/ONB-1/answer", { question, answer })).status;
  /** Sends a hook whose request looks for its answer again after each step; the last step is repeated. */
  const holdHook = (questions: object[], ...steps: (() => unknown)[]) => {
    app.deps.wait = async () => void (await (steps.length > 1 ? steps.shift() : steps[0])?.());
    return app.hook(token, createHook(questions));
  };
  const endProcess = () => {
    throw new Error("the process has ended");
  };
  return { app, token, readSession, readQuestions, answerOpen, answerById, holdHook, endProcess };
}

test.each([
  ["one option", "ky", "ky"],
  ["several options with a text of one's own", "tsx, ky, and axios, too", 'ky, tsx, "and axios, too"'],
  ["only a text of one's own", "none, please", "none, please"],
])("A question that takes several options is answered by %s", async (_, typed, answer) => {
  const { answerOpen, holdHook } = await createAppWithQuestions();
  const { json } = await holdHook([TOOLS], () => answerOpen(typed));
  expect(json).toEqual(toDecision([TOOLS], { "Which tools?": answer }));
});

test("An answer that is repeated changes nothing, and another one to an earlier question does not answer the next one", async () => {
  const { readQuestions, answerOpen, answerById, holdHook } = await createAppWithQuestions();
  const { json } = await holdHook([COLOUR, SIZE], async () => {
    const first = await answerOpen("Blue");
    const [second] = await readQuestions();
    expect(second.id).not.toBe(first);
    expect([await answerById(first, "Blue"), await answerById(first, "Red")]).toEqual([200, 409]);
    expect(await readQuestions()).toEqual([second]);
    await answerOpen("M");
    expect([await answerById(second.id, "M"), await answerById(second.id, "S")]).toEqual([200, 409]);
  });
  expect(json).toEqual(toDecision([COLOUR, SIZE], { "Which colour?": "Blue", "Which size?": "M" }));
});

test("After kill -9 between two answers, the repeated request continues with the next question and gets both answers", async () => {
  const { app, readQuestions, answerOpen, holdHook, endProcess } = await createAppWithQuestions();
  const kill = async () => {
    await answerOpen("Something else");
    endProcess();
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

test("Of a request and its repeat only the newest one gets the answers", async () => {
  const { app, token, answerOpen, holdHook } = await createAppWithQuestions();
  let repeat: Promise<unknown> | undefined;
  const first = await holdHook(
    [COLOUR, SIZE],
    () => answerOpen("Red"),
    async () => {
      app.deps.wait = async () => void (await answerOpen("M"));
      repeat = app.hook(token, createHook([COLOUR, SIZE]));
      await repeat;
    },
  );
  expect(first.status).toBe(204);
  expect(await repeat).toMatchObject({
    json: toDecision([COLOUR, SIZE], { "Which colour?": "Red", "Which size?": "M" }),
  });
});

test("After kill -9 without a repeat, the answers are typed into the dialog key by key, and submitted", async () => {
  const { app, readSession, answerOpen, holdHook, endProcess } = await createAppWithQuestions();
  const kill = async () => {
    await answerOpen("Blue");
    endProcess();
  };
  await holdHook(ALL, kill).catch(() => {});
  await answerOpen('ky, "zod, v4"');
  await answerOpen("M");
  expect((await app.exchange([createSession()])).sessions[0]?.inputs).toEqual([]);
  app.advance(10_000);
  const inputs = (await app.exchange([createSession()])).sessions[0]?.inputs ?? [];
  expect(inputs.map(({ kind, text }) => [kind, text])).toEqual(
    ["2", "1", "2", "Right", "2", "1"].map((key) => ["keys", key]),
  );
  expect(new Set(inputs.map(({ id }) => id)).size).toBe(6);
  expect(await readSession()).toMatchObject({ state: "running", questions: [] });
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

test("A series that is killed at any step is asked to its end once, and the repeated request gets every answer", async () => {
  const answers: Record<string, string> = { "Which colour?": "Blue", "Which tools?": "ky, tsx", "Which size?": "Huge" };
  let token = "";
  const steps = await killAtEachStep(
    async () => {
      const app = await createSqliteApp();
      await app.requestTicket();
      await app.call("/api/approve/ONB-1");
      token = (await app.exchange()).sessions[0]?.token ?? "";
      await app.exchange([createSession()]);
      return app;
    },
    async (deps) => {
      const ticket = await findTicket(deps, "ONB-1");
      const answerNext = async () => {
        const [question] = (await findTicket(deps, "ONB-1"))?.questions ?? [];
        const { id = "", hash = "" } = question ?? {};
        const comment = answers[question?.text ?? ""] ?? "";
        const decision = { answer: "answer", comment, hash, by: "Ada", where: "api" } as const;
        await decideRequest(deps, id, decision, "c");
      };
      const context = {
        deps: { ...deps, wait: answerNext, stopping: new AbortController().signal },
        hook: createHook(ALL),
        correlation: "c",
      };
      if (ticket) await answerSessionHook({ ...context, ticket }, new AbortController().signal);
    },
    async (app) => {
      const asked: string[] = [];
      app.deps.wait = async () => {
        const [{ id, text }] = (await app.read("/api/sessions")).sessions[0].questions;
        asked.push(text);
        await app.call("/api/sessions/ONB-1/answer", { question: id, answer: answers[text] });
      };
      expect((await app.hook(token, createHook(ALL))).json).toEqual(toDecision(ALL, answers));
      expect(asked).toEqual(Object.keys(answers).slice(3 - asked.length));
      expect((await app.exchange([createSession()])).sessions[0]?.inputs).toEqual([]);
    },
  );
  expect(steps).toBeGreaterThanOrEqual(5);
});
