import { test } from "vitest";
import { createProductRig } from "./product-rig.ts";

const toOptions = (...labels: string[]) => labels.map((label) => ({ label, description: `It is ${label}.` }));
const QUESTIONS = [
  { question: "Which colour?", header: "Colour", multiSelect: false, options: toOptions("Red", "Blue") },
  { question: "Which tools?", header: "Tools", multiSelect: true, options: toOptions("ky", "zod, v4", "tsx") },
  { question: "Which size?", header: "Size", multiSelect: false, options: toOptions("S", "M") },
];

test.each([
  ["the hook while its request waits", "held", ["Green, please", 'ky, "zod, v4"', "M"]],
  ["keys after kill -9 of Groundcrew between two answers", "killed", ["Blue", 'ky, "zod, v4"', "M"]],
])("the answers to several questions of a session reach it by %s", { timeout: 240_000 }, async (_, place, answers) => {
  const rig = await createProductRig();
  const { key } = await rig.addTicket([`ask ${JSON.stringify({ questions: QUESTIONS })}`]);
  await rig.call(`/api/approve/${key}`, "POST", {});
  const readQuestions = async () => (await rig.readSession(key))?.questions;
  for (const [i, answer] of answers.entries()) {
    await rig
      .waitFor(readQuestions, 120_000)
      .toMatchObject([{ text: QUESTIONS[i]?.question, number: i + 1, count: 3 }]);
    const [question] = await readQuestions();
    const body = { question: question.id, answer };
    await rig.call(`/api/sessions/${key}/answer`, "POST", body);
    if (i === 0 && place === "killed") await rig.restart("groundcrew");
    const repeat = async () => rig.call(`/api/sessions/${key}/answer`, "POST", body);
    await rig.waitFor(repeat, 120_000).toMatchObject({ ticket_id: key });
  }
  await rig.waitFor(readQuestions, 120_000).toMatchObject([{ kind: "input", text: "Tool finished; all done." }]);
  const readScreen = async () => (await rig.readSession(key))?.screen;
  const lines = QUESTIONS.map(({ question }, i) => `· ${question} → ${answers[i]}`);
  await rig.waitFor(readScreen).toContain(lines.join("\n     "));
});
