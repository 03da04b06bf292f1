import { expect, test } from "vitest";
import { claimsTick } from "../../../../functions/work.ts";
import { type NewQuestion, readTaskQuestions } from "../../../../shared/tasks/people/questions.ts";
import { HOUR, MINUTE } from "../../../../shared/time.ts";
import { createAgentTaskApp, WORK_RULES } from "../../../support/agent-test-app.ts";
import { answerQuestion } from "../../../support/answer-request.ts";
import { getTool } from "../../../support/get-tool.ts";

async function createQuestionApp() {
  const { app, item } = await createAgentTaskApp("Thot", { parts: WORK_RULES });
  /** How often it has been asked since the last call, including reminders. */
  const countAskedEvents = () => app.takeEvents().filter((line) => line === "ONB-1 asked").length;
  const readQuestions = () => readTaskQuestions(app.deps, item.id);
  return {
    ...{ app, item, countAskedEvents, readQuestions },
    ask: (given: NewQuestion = { text: "Which **colour**?" }) => app.actAs("Thot").ask("ONB-1", given),
    answer: (id: string, text: string, by = "Ada") => answerQuestion(app.deps, id, { text, by }),
    async advanceAndCount(ms: number) {
      app.advance(ms);
      await app.drain();
      return countAskedEvents();
    },
  };
}

test("a question that waits is found again by its comment after the store was lost, and an answered one is not", async () => {
  const { app, item, ask, answer, readQuestions } = await createQuestionApp();
  await app.actAs("Thot").setStatus("ONB-1", { status: "in_progress" });
  await ask({ text: "Which?" });
  app.advance(1_000);
  app.plane.addComment(item, "<p>Red</p>");
  app.advance(1_000);
  await app.poll();
  await ask({ text: "How **large**?", choices: ["A4", "A5"], urgency: "high" });
  const before = (await readQuestions()).at(-1);
  app.advance(MINUTE);
  await app.actAs("Thot").report("ONB-1", { percent: 40 });
  await app.runUntilIdle();
  await app.restart({ store: "lost" });
  await app.poll();
  await claimsTick.run(app.deps);
  await app.runUntilIdle();
  const again = { ...before, createdAt: expect.any(Number), reminders: expect.any(Number) };
  expect(await readQuestions()).toEqual([again]);
  expect(await answer(before?.id ?? "", "A5")).toBe("decided");
  await app.drain();
  expect(app.readComments(item).join()).toContain("<p>A5</p>");
});

test("ask_human returns the same question while it is open and for ten minutes with its answer, and another one for another text", async () => {
  const { app, item, ask, answer, countAskedEvents } = await createQuestionApp();
  const caller = app.getCaller("Thot");
  const call = (text: string) => getTool("ask_human").run({ work: app.actAs("Thot"), caller }, { task: "onb-1", text });
  const first = getTool("ask_human").output.parse(await call("Which?")) as { question: string };
  expect(first).toEqual({ task: "ONB-1", question: expect.any(String), status: "open" });
  app.advance(5 * MINUTE);
  expect(await call("Which?")).toEqual(first);
  expect([countAskedEvents(), app.readComments(item).length]).toEqual([1, 1]);
  await answer(first.question, "Red");
  expect(await call("Which?")).toEqual({ ...first, status: "answered", answer: "Red" });
  app.advance(11 * MINUTE);
  expect(await call("Which?")).not.toMatchObject({ question: first.question });
  const { id, options } = await ask({ text: "Now?", choices: ["Red", "Red", "\u202e", "Blue"] });
  expect(options).toEqual([{ label: "Red" }, { label: "Blue" }]);
  app.advance(30 * MINUTE);
  expect(await ask({ text: "Now?", choices: ["Red", "Blue"] })).toMatchObject({ id });
});

test.each([
  ["normal", HOUR, 6 * HOUR],
  ["high", 15 * MINUTE, HOUR],
] as const)("an unanswered question of urgency %s is reminded of twice, then no more", async (urgency, one, two) => {
  const { app, ask, advanceAndCount, countAskedEvents } = await createQuestionApp();
  await ask({ text: "Now?", urgency });
  expect(countAskedEvents()).toBe(1);
  const counts = [];
  for (const ms of [one - MINUTE, MINUTE, two - one - MINUTE, MINUTE, 100 * HOUR])
    counts.push(await advanceAndCount(ms));
  expect(counts).toEqual([0, 1, 0, 1, 0]);
  expect((await app.store.stats()).queues.work.dead).toBe(0);
});

test("the answer to a question becomes a comment that names its author, is published, and is in the task's details", async () => {
  const { app, item, ask, answer, advanceAndCount } = await createQuestionApp();
  const { id } = await ask({ text: "Which **colour**?", choices: ["Red <b>", "Blue"] });
  expect(app.readComments(item)).toEqual([
    "Thot: <p><strong>Question</strong></p><p>Which <strong>colour</strong>?</p><ul><li>Red &#60;b&#62;</li><li>Blue</li></ul>",
  ]);
  app.takeEvents();
  expect(await answer(id, "Red *or* <i>blue</i>", "Ada <b>")).toBe("decided");
  await app.runUntilIdle();
  expect(app.takeEvents()).toContain("ONB-1 answered");
  expect(app.plane.comments(item)[0]?.comment_html).toBe(
    "<p><strong>Answer</strong> (Ada &#60;b&#62;):</p><p>Red <em>or</em> &#x3C;i>blue&#x3C;/i></p>",
  );
  const { questions } = await app.actAs("Thot").details("ONB-1");
  const question = { at: expect.any(String), agent: "Thot", text: "Which **colour**?" };
  expect(questions.latest).toEqual([{ ...question, answer: "Red *or* <i>blue</i>", by: "Ada <b>" }]);
  expect(await advanceAndCount(10 * HOUR), "reminders").toBe(0);
});
