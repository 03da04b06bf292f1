import { expect, test } from "vitest";
import { workRules } from "../../../functions/work/rules.ts";
import type { WorkDeps } from "../../../shared/work/acting.ts";
import { readCard } from "../../../shared/work/card.ts";
import { hasSummary } from "../../../shared/work/comment.ts";
import { answerQuestion, questionsOf } from "../../../shared/work/question.ts";
import { workFor } from "../../../shared/work/work.ts";
import { createWorkCrew, type WorkCrew } from "../../work-crew.ts";
import { dyingAfter } from "./dying.ts";

const QUESTION = { text: "Which?", choices: ["A", "B"] };

interface Flow {
  name: string;
  before?: (crew: WorkCrew, item: string) => Promise<unknown>;
  call: (crew: WorkCrew, item: string, deps: WorkDeps) => Promise<unknown>;
}

const asThot = (crew: WorkCrew, deps: WorkDeps) => workFor(deps, crew.caller("Thot"));
const FLOWS: Flow[] = [
  {
    name: "a critical comment",
    call: (crew, item, deps) => asThot(crew, deps).comment(item, { text: "Help", kind: "error", critical: true }),
  },
  { name: "a note", call: (crew, item, deps) => asThot(crew, deps).comment(item, { text: "What I did" }) },
  { name: "progress", call: (crew, item, deps) => asThot(crew, deps).comment(item, { text: "Half", percent: 50 }) },
  { name: "a question", call: (crew, item, deps) => asThot(crew, deps).ask(item, QUESTION) },
  {
    name: "an answer",
    before: (crew, item) => crew.work("Thot").ask(item, QUESTION),
    async call(crew, item, deps) {
      const [question] = await questionsOf(crew.deps, item);
      return answerQuestion(deps, question?.id ?? "", { text: "A", by: "Ada" });
    },
  },
];

/** More changes than any of them makes. */
const MOST = 20;

/** What people and agents would see a difference in, without what names one task. */
async function seen(crew: WorkCrew, item: { id: string; sequence_id: number }) {
  const { percent, text } = (await readCard(crew.deps, item.id)) ?? {};
  const questions = await questionsOf(crew.deps, item.id);
  return {
    comments: crew.comments(item).filter((comment) => !comment.includes("Agent card")),
    events: crew.actions.filter(({ facts }) => facts.item?.id === item.id).map(({ event }) => event.kind),
    card: { percent, text },
    summary: await hasSummary(crew.deps, item.id, "Thot"),
    questions: questions.map(({ reminded, answer }) => ({ reminded, answer: answer?.text })),
  };
}

test.each(FLOWS)(
  "$name: killed after any change it makes and called again, it ends the same, said once and told once",
  async ({ before, call }) => {
    const crew = await createWorkCrew({ parts: { consumers: ({ agents }) => [workRules(agents)] } });
    const [first, ...rest] = Array.from({ length: MOST }, (_, i) => crew.task(`Task ${i}`, "Thot"));
    if (!first) throw new Error("no items");
    await crew.begin();
    await before?.(crew, first.id);
    await call(crew, first.id, crew.deps);
    await crew.drain();
    crew.pass(60_000);
    await crew.drain();
    const expected = await seen(crew, first);

    let kills = 0;
    for (const [i, item] of rest.entries()) {
      await before?.(crew, item.id);
      const process = dyingAfter(crew.deps, i + 1);
      if ((await process.live(call(crew, item.id, process.deps))) !== "over") break;
      kills += 1;
      if (i % 2 === 0) await crew.drain();
      await call(crew, item.id, crew.deps);
      await crew.drain();
      crew.pass(60_000);
      await crew.drain();
      expect(await seen(crew, item), `killed after change ${i + 1}`).toEqual(expected);
    }
    expect(kills).toBeGreaterThanOrEqual(1);
    expect(kills).toBeLessThan(MOST - 1);
  },
);
