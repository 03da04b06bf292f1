import { test, vi } from "vitest";
import { createClaudeRig } from "./claude-rig.ts";

vi.setConfig({ testTimeout: 600_000 });

const COLOURS = ["Red", "Blue"].map((label) => ({ label, description: `It is ${label}.` }));
const QUESTION = { question: "Which colour?", header: "Colour", multiSelect: false, options: COLOURS };

/** A session that asks these questions by one call of its tool. */
async function ask(...questions: object[]) {
  const rig = await createClaudeRig();
  const { key } = await rig.addTicket([`ask ${JSON.stringify({ questions })}`]);
  await rig.approve(key);
  const readQuestions = () => rig.readQuestions(key);
  // Claude Code stores its conversation some time after it.
  const readResults = () => rig.readTranscript(key).flatMap(({ toolUseResult }) => toolUseResult?.answers ?? []);
  return {
    ...{ rig, key },
    waitForQuestions: () => rig.waitFor(readQuestions),
    waitForScreen: (text: string) => rig.waitFor(() => rig.readTerminal(key)).toContain(text),
    answerNext: async (text: string) => rig.answer(key, (await readQuestions())[0].id, text),
    waitForResult: (answers: object) => rig.waitFor(readResults).toEqual([answers]),
  };
}

test.each([
  ["on the page by an option", "page", "Blue"],
  ["on the page by a text of its own", "page", "Green, please"],
  ["in the terminal", "terminal", "Red"],
])(
  "a question of Claude Code's question tool that is answered %s succeeds with the answer",
  async (_, place, answer) => {
    const { rig, key, ...asked } = await ask(QUESTION);
    await asked.waitForQuestions().toMatchObject([{ text: "Which colour?", options: ["Red", "Blue"] }]);
    await asked.waitForScreen("Enter to select");
    if (place === "page") await asked.answerNext(answer);
    else rig.host.tmux("send-keys", "-t", `=claude-${key}:`, "1");
    // The turn goes on to its end, and nothing is left of the question.
    await asked.waitForQuestions().toMatchObject([{ kind: "input", text: "Tool finished; all done." }]);
    await asked.waitForResult({ "Which colour?": answer });
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
  const { rig, ...asked } = await ask(QUESTION, TOOLS, SIZE);
  await asked.waitForScreen("to navigate");
  for (const [i, answer] of answers.entries()) {
    await asked.waitForQuestions().toMatchObject([{ number: i + 1, count: 3 }]);
    await asked.answerNext(answer);
    if (i === 0 && place === "killed") await rig.restart("groundcrew");
  }
  await asked.waitForQuestions().toMatchObject([{ kind: "input", text: "Tool finished; all done." }]);
  await asked.waitForResult({ "Which colour?": answers[0], "Which tools?": tools, "Which size?": "Red" });
});

test("a question that takes several options is answered in its dialog after kill -9 of Groundcrew", async () => {
  const { rig, ...asked } = await ask(TOOLS);
  await asked.waitForQuestions().toMatchObject([{ text: "Which tools?", multiple: true }]);
  await asked.waitForScreen("to navigate");
  await rig.restart("groundcrew");
  await asked.waitForQuestions().toHaveLength(1);
  await asked.answerNext("ky, tsx");
  await asked.waitForResult({ "Which tools?": "ky, tsx" });
});
