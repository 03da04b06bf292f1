import { test, vi } from "vitest";
import { createClaudeRig } from "./claude-rig.ts";

vi.setConfig({ testTimeout: 600_000 });

const COLOURS = ["Red", "Blue"].map((label) => ({ label, description: `It is ${label}.` }));
const QUESTION = { question: "Which colour?", header: "Colour", multiSelect: false, options: COLOURS };

test.each([
  ["on the page by an option", "page", "Blue"],
  ["on the page by a text of its own", "page", "Green, please"],
  ["in the terminal", "terminal", "Red"],
])(
  "a question of Claude Code's question tool that is answered %s succeeds with the answer",
  async (_, place, answer) => {
    const rig = await createClaudeRig();
    const { key } = await rig.addTicket([`ask ${JSON.stringify({ questions: [QUESTION] })}`]);
    await rig.approve(key);
    const readQuestions = () => rig.readQuestions(key);
    await rig.waitFor(readQuestions).toMatchObject([{ text: "Which colour?", options: ["Red", "Blue"] }]);
    const [{ id }] = await readQuestions();
    await rig.waitFor(() => rig.readTerminal(key)).toContain("Enter to select");
    if (place === "page") await rig.answer(key, id, answer);
    else rig.host.tmux("send-keys", "-t", `=claude-${key}:`, "1");
    // The turn goes on to its end, and nothing is left of the question.
    await rig.waitFor(readQuestions).toMatchObject([{ kind: "input", text: "Tool finished; all done." }]);
    // Claude Code stores its conversation some time after it.
    const readResults = () => rig.readTranscript(key).flatMap(({ toolUseResult }) => toolUseResult?.answers ?? []);
    await rig.waitFor(readResults).toEqual([{ "Which colour?": answer }]);
  },
);

const TOOLS = {
  ...{ question: "Which tools?", header: "Tools", multiSelect: true },
  options: ["ky", "zod, v4", "tsx"].map((label) => ({ label, description: `It is ${label}.` })),
};
const SIZE = { ...QUESTION, question: "Which size?", header: "Size" };

test.each([
  ["while the request waits", "held", ["Green, please", "tsx, ky", "Red"], "ky, tsx"],
  ["after kill -9 of Groundcrew in the dialog", "killed", ["Blue", 'ky, "zod, v4"', "Red"], 'ky, "zod, v4"'],
])("several questions of one call are answered one after the other %s", async (_, place, answers, tools) => {
  const rig = await createClaudeRig();
  const { key } = await rig.addTicket([`ask ${JSON.stringify({ questions: [QUESTION, TOOLS, SIZE] })}`]);
  await rig.approve(key);
  const readQuestions = () => rig.readQuestions(key);
  await rig.waitFor(() => rig.readTerminal(key)).toContain("to navigate");
  for (const [i, answer] of answers.entries()) {
    await rig.waitFor(readQuestions).toMatchObject([{ number: i + 1, count: 3 }]);
    const [{ id }] = await readQuestions();
    await rig.answer(key, id, answer);
    if (i === 0 && place === "killed") await rig.restart("groundcrew");
  }
  await rig.waitFor(readQuestions).toMatchObject([{ kind: "input", text: "Tool finished; all done." }]);
  const readResults = () => rig.readTranscript(key).flatMap(({ toolUseResult }) => toolUseResult?.answers ?? []);
  const results = { "Which colour?": answers[0], "Which tools?": tools, "Which size?": "Red" };
  await rig.waitFor(readResults).toEqual([results]);
});

test("a question that takes several options is answered in its dialog after kill -9 of Groundcrew", async () => {
  const rig = await createClaudeRig();
  const { key } = await rig.addTicket([`ask ${JSON.stringify({ questions: [TOOLS] })}`]);
  await rig.approve(key);
  const readQuestions = () => rig.readQuestions(key);
  await rig.waitFor(readQuestions).toMatchObject([{ text: "Which tools?", multiple: true }]);
  await rig.waitFor(() => rig.readTerminal(key)).toContain("to navigate");
  await rig.restart("groundcrew");
  await rig.waitFor(readQuestions).toHaveLength(1);
  const [{ id }] = await readQuestions();
  await rig.answer(key, id, "ky, tsx");
  const readResults = () => rig.readTranscript(key).flatMap(({ toolUseResult }) => toolUseResult?.answers ?? []);
  await rig.waitFor(readResults).toEqual([{ "Which tools?": "ky, tsx" }]);
});
