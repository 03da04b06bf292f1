import { expect, test } from "vitest";
import { createTaskOperations } from "../../../functions/agent/tool.ts";
import type { TaskDeps } from "../../../shared/app/deps.ts";
import { hasSummary } from "../../../shared/records/task-records.ts";
import { readCard } from "../../../shared/tasks/card-record.ts";
import { readTaskQuestions } from "../../../shared/tasks/people/questions.ts";
import { type AgentTestApp, createAgentTestApp, WORK_RULES } from "../../support/agent-test-app.ts";
import { answerQuestion } from "../../support/answer-request.ts";
import { crashAfterChange } from "../../support/crash-after-change.ts";

const QUESTION = { text: "Which?", choices: ["A", "B"] };

type Call = (app: AgentTestApp, item: string, deps: TaskDeps) => Promise<unknown>;

const actAsThot = (app: AgentTestApp, deps: TaskDeps) => createTaskOperations(deps, app.getCaller("Thot"));
const CRITICAL = { text: "Help", kind: "error", critical: true } as const;
const ask: Call = (app, item, deps) => actAsThot(app, deps).ask(item, QUESTION);
const answer: Call = async (app, item, deps) => {
  const [question] = await readTaskQuestions(app.deps, item);
  return answerQuestion(deps, question?.id ?? "", { text: "A", by: "Ada" });
};
const FLOWS: [name: string, call: Call, before?: Call][] = [
  ["a critical comment", (app, item, deps) => actAsThot(app, deps).comment(item, CRITICAL)],
  ["progress", (app, item, deps) => actAsThot(app, deps).comment(item, { text: "Half", percent: 50 })],
  ["a question", ask],
  ["an answer", answer, ask],
];

/** Limit of changes, higher than any flow makes. */
const MAX_CHANGES = 20;

/** The state that people and agents can see, without the names of one task. */
async function readVisibleState(app: AgentTestApp, item: { id: string; sequence_id: number }) {
  const { percent, text } = (await readCard(app.deps, item.id)) ?? {};
  const questions = await readTaskQuestions(app.deps, item.id);
  return {
    comments: app.readComments(item).filter((comment) => !comment.includes("Agent card")),
    events: app.actions.filter(({ facts }) => facts.item?.id === item.id).map(({ event }) => event.kind),
    card: { percent, text },
    summary: await hasSummary(app.deps, item.id, "Thot"),
    questions: questions.map(({ reminders, verdict }) => ({ reminders, answer: verdict?.comment })),
  };
}

test.each(FLOWS)("%s that is killed at any change and repeated ends the same, told once", async (_, call, before) => {
  const app = await createAgentTestApp({ parts: WORK_RULES });
  const first = app.addTask("Task", "Thot");
  const rest = Array.from({ length: MAX_CHANGES }, (_, i) => app.addTask(`Task ${i}`, "Thot"));
  await app.runFirstPoll();
  await before?.(app, first.id, app.deps);
  await call(app, first.id, app.deps);
  await app.runFor(60_000, 60_000);
  const expected = await readVisibleState(app, first);

  let kills = 0;
  for (const [i, item] of rest.entries()) {
    await before?.(app, item.id, app.deps);
    const process = crashAfterChange(app.deps, i + 1);
    if ((await process.orCrash(call(app, item.id, process.deps))) !== "over") break;
    kills += 1;
    if (i % 2 === 0) await app.drain();
    await call(app, item.id, app.deps);
    await app.runFor(60_000, 60_000);
    expect(await readVisibleState(app, item), `killed after change ${i + 1}`).toEqual(expected);
  }
  expect(kills).toBeGreaterThanOrEqual(1);
  expect(kills).toBeLessThan(MAX_CHANGES - 1);
});
