import { expect, test } from "vitest";
import { createWorkRules } from "../../../../functions/work/work-rules.ts";
import { readCard } from "../../../../shared/work/card/card-record.ts";
import { hasSummary } from "../../../../shared/work/comments/add-comment.ts";
import type { WorkDeps } from "../../../../shared/work/context/call-context.ts";
import { answerQuestion, readTaskQuestions } from "../../../../shared/work/questions/questions.ts";
import { createTaskOperations } from "../../../../shared/work/task-operations.ts";
import { type AgentTestApp, createAgentTestApp } from "../../../support/agent-test-app.ts";
import { crashAfterChange } from "../../../support/crash-after-change.ts";

const QUESTION = { text: "Which?", choices: ["A", "B"] };

interface Flow {
  name: string;
  before?: (crew: AgentTestApp, item: string) => Promise<unknown>;
  call: (crew: AgentTestApp, item: string, deps: WorkDeps) => Promise<unknown>;
}

const actAsThot = (crew: AgentTestApp, deps: WorkDeps) => createTaskOperations(deps, crew.getCaller("Thot"));
const FLOWS: Flow[] = [
  {
    name: "a critical comment",
    call: (crew, item, deps) => actAsThot(crew, deps).comment(item, { text: "Help", kind: "error", critical: true }),
  },
  { name: "a note", call: (crew, item, deps) => actAsThot(crew, deps).comment(item, { text: "What I did" }) },
  { name: "progress", call: (crew, item, deps) => actAsThot(crew, deps).comment(item, { text: "Half", percent: 50 }) },
  { name: "a question", call: (crew, item, deps) => actAsThot(crew, deps).ask(item, QUESTION) },
  {
    name: "an answer",
    before: (crew, item) => crew.actAs("Thot").ask(item, QUESTION),
    async call(crew, item, deps) {
      const [question] = await readTaskQuestions(crew.deps, item);
      return answerQuestion(deps, question?.id ?? "", { text: "A", by: "Ada" });
    },
  },
];

/** Limit of changes, higher than any flow makes. */
const MAX_CHANGES = 20;

/** The state that people and agents can see, without the names of one task. */
async function readVisibleState(crew: AgentTestApp, item: { id: string; sequence_id: number }) {
  const { percent, text } = (await readCard(crew.deps, item.id)) ?? {};
  const questions = await readTaskQuestions(crew.deps, item.id);
  return {
    comments: crew.readComments(item).filter((comment) => !comment.includes("Agent card")),
    events: crew.actions.filter(({ facts }) => facts.item?.id === item.id).map(({ event }) => event.kind),
    card: { percent, text },
    summary: await hasSummary(crew.deps, item.id, "Thot"),
    questions: questions.map(({ reminded, answer }) => ({ reminded, answer: answer?.text })),
  };
}

test.each(FLOWS)(
  "$name that is killed after any of its changes and repeated ends the same, with one comment and one notification",
  async ({ before, call }) => {
    const crew = await createAgentTestApp({ parts: { ruleSets: ({ agents }) => [createWorkRules(agents)] } });
    const [first, ...rest] = Array.from({ length: MAX_CHANGES }, (_, i) => crew.addTask(`Task ${i}`, "Thot"));
    if (!first) throw new Error("no items");
    await crew.runFirstPoll();
    await before?.(crew, first.id);
    await call(crew, first.id, crew.deps);
    await crew.drain();
    crew.advance(60_000);
    await crew.drain();
    const expected = await readVisibleState(crew, first);

    let kills = 0;
    for (const [i, item] of rest.entries()) {
      await before?.(crew, item.id);
      const process = crashAfterChange(crew.deps, i + 1);
      if ((await process.orCrash(call(crew, item.id, process.deps))) !== "over") break;
      kills += 1;
      if (i % 2 === 0) await crew.drain();
      await call(crew, item.id, crew.deps);
      await crew.drain();
      crew.advance(60_000);
      await crew.drain();
      expect(await readVisibleState(crew, item), `killed after change ${i + 1}`).toEqual(expected);
    }
    expect(kills).toBeGreaterThanOrEqual(1);
    expect(kills).toBeLessThan(MAX_CHANGES - 1);
  },
);
