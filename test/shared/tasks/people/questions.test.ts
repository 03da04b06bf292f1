import { expect, test } from "vitest";
import { claimsTick } from "../../../../functions/work.ts";
import { type NewQuestion, readTaskQuestions } from "../../../../shared/tasks/people/questions.ts";
import { HOUR, MINUTE } from "../../../../shared/time.ts";
import type { Item } from "../../../../simulators/plane/types.ts";
import { createAgentTestApp, WORK_RULES } from "../../../support/agent-test-app.ts";
import { answerQuestion } from "../../../support/answer-request.ts";
import { getTool } from "../../../support/get-tool.ts";

async function createQuestionApp() {
  const app = await createAgentTestApp({ parts: WORK_RULES });
  const item = app.addTask("Write it down", "Thot");
  await app.runFirstPoll();
  const ask = (given: NewQuestion = { text: "Which **colour**?" }) => app.actAs("Thot").ask("ONB-1", given);
  /** How often it has been asked, including reminders. */
  const countAskedEvents = () => app.takeEvents().filter((line) => line === "ONB-1 asked").length;
  async function advanceAndCount(ms: number) {
    app.advance(ms);
    await app.drain();
    return countAskedEvents();
  }
  /** Writes a comment in Plane as a person, and polls so that it is observed. */
  async function writeComment(html: string, name = "Ada", on: Item = item) {
    app.advance(1_000);
    const doing = name === "Ada" ? undefined : { by: app.getUser(name) };
    app.plane.addComment(on, html, doing);
    app.advance(1_000);
    await app.poll();
    await app.drain();
  }
  const last = async () => (await readTaskQuestions(app.deps, item.id)).at(-1);
  return { app, item, ask, advanceAndCount, writeComment, last, countAskedEvents };
}

test("a question that waits is found again by its comment after the store was lost, and an answered one is not", async () => {
  const { app, item, ask, last, writeComment } = await createQuestionApp();
  await app.actAs("Thot").setStatus("ONB-1", { status: "in_progress" });
  await ask({ text: "Which?" });
  await writeComment("<p>Red</p>");
  await ask({ text: "How **large**?", choices: ["A4", "A5"], urgency: "high" });
  const before = await last();
  app.advance(MINUTE);
  await app.actAs("Thot").report("ONB-1", { percent: 40 });
  await app.runUntilIdle();
  await app.restart({ store: "lost" });
  await app.poll();
  await claimsTick.run(app.deps);
  await app.runUntilIdle();
  const questions = await readTaskQuestions(app.deps, item.id);
  expect(questions).toEqual([{ ...before, createdAt: expect.any(Number), reminders: expect.any(Number) }]);
  const outcome = await answerQuestion(app.deps, before?.id ?? "", { text: "A5", by: "Ada" });
  await app.drain();
  expect([outcome, app.readComments(item).join()]).toEqual(["decided", expect.stringContaining("<p>A5</p>")]);
});

test("ask_human returns the same question for a call repeated within ten minutes, with its answer", async () => {
  const { app, item, countAskedEvents, last } = await createQuestionApp();
  const call = () =>
    getTool("ask_human").run(
      { work: app.actAs("Thot"), caller: app.getCaller("Thot") },
      { task: "onb-1", text: "Which?" },
    );
  const first = getTool("ask_human").output.parse(await call());
  expect(first).toEqual({ task: "ONB-1", question: expect.any(String), status: "open" });
  app.advance(5 * MINUTE);
  expect(await call()).toEqual(first);
  expect([countAskedEvents(), app.readComments(item).length]).toEqual([1, 1]);
  await answerQuestion(app.deps, (await last())?.id ?? "", { text: "Red", by: "Ada" });
  expect(await call()).toEqual({ task: "ONB-1", question: (await last())?.id, status: "answered", answer: "Red" });
  expect(countAskedEvents()).toBe(0);
});

test("ask_human returns the same question later while it is open, and another one for another text", async () => {
  const { app, item, ask, countAskedEvents } = await createQuestionApp();
  const first = await ask({ text: "Which?", choices: ["Red", "Red", "\u202e", "Blue"] });
  expect(first.options).toEqual([{ label: "Red" }, { label: "Blue" }]);
  app.advance(30 * MINUTE);
  expect(await ask({ text: "Which?", choices: ["Red", "Blue"] })).toMatchObject({ id: first.id });
  expect([countAskedEvents(), app.readComments(item).length]).toEqual([1, 1]);
  expect((await ask({ text: "Which one?" })).id).not.toBe(first.id);
  await answerQuestion(app.deps, first.id, { text: "Red", by: "Ada" });
  app.advance(11 * MINUTE);
  expect((await ask({ text: "Which?", choices: ["Red", "Blue"] })).id).not.toBe(first.id);
});

test.each([
  ["normal", HOUR, 6 * HOUR],
  ["high", 15 * MINUTE, HOUR],
] as const)(
  "ask_human reminds of an unanswered question of urgency %s twice, then no more",
  async (urgency, one, two) => {
    const { app, ask, advanceAndCount, countAskedEvents } = await createQuestionApp();
    await ask({ text: "Now?", urgency });
    expect(countAskedEvents()).toBe(1);
    expect(await advanceAndCount(one - MINUTE)).toBe(0);
    expect(await advanceAndCount(MINUTE)).toBe(1);
    expect(await advanceAndCount(two - one - MINUTE)).toBe(0);
    expect(await advanceAndCount(MINUTE)).toBe(1);
    expect(await advanceAndCount(100 * HOUR)).toBe(0);
    expect((await app.store.stats()).queues.work.dead).toBe(0);
  },
);

test("the answer to a question becomes a comment that names its author, is published, and is in the task's details", async () => {
  const { app, item, ask, advanceAndCount } = await createQuestionApp();
  const { id } = await ask({ text: "Which **colour**?", choices: ["Red <b>", "Blue"] });
  expect(app.readComments(item)).toEqual([
    "Thot: <p><strong>Question</strong></p><p>Which <strong>colour</strong>?</p><ul><li>Red &#60;b&#62;</li><li>Blue</li></ul>",
  ]);
  app.takeEvents();
  expect(await answerQuestion(app.deps, id, { text: "Red *or* <i>blue</i>", by: "Ada <b>" })).toBe("decided");
  await app.runUntilIdle();
  expect(app.takeEvents()).toContain("ONB-1 answered");
  expect(app.plane.comments(item)[0]?.comment_html).toBe(
    "<p><strong>Answer</strong> (Ada &#60;b&#62;):</p><p>Red <em>or</em> &#x3C;i>blue&#x3C;/i></p>",
  );
  const { questions } = await app.actAs("Thot").details("ONB-1");
  expect(questions.latest).toEqual([
    {
      at: expect.any(String),
      agent: "Thot",
      text: "Which **colour**?",
      answer: "Red *or* <i>blue</i>",
      by: "Ada <b>",
    },
  ]);
  expect(await advanceAndCount(10 * HOUR), "reminders").toBe(0);
});

test("the answer to a question is not recorded for an unknown question or a closed task", async () => {
  const { app, ask, last, advanceAndCount, countAskedEvents } = await createQuestionApp();
  await expect(answerQuestion(app.deps, "none", { text: "Red", by: "Ada" })).rejects.toMatchObject({
    code: "not_found",
  });
  const { id } = await ask();
  countAskedEvents();
  await app.actAs("Ada").setStatus("ONB-1", { status: "cancelled" });
  await app.runUntilIdle();
  expect(await last()).toMatchObject({ closed: { why: "task_closed" } });
  expect(await answerQuestion(app.deps, id, { text: "Red", by: "Ada" })).toBe("closed");
  expect(await advanceAndCount(10 * HOUR)).toBe(0);
  expect(await app.store.count("requests")).toBe(0);
});

test("a person's comment in Plane answers the latest open question of the task, in full and once", async () => {
  const { app, ask, writeComment, last } = await createQuestionApp();
  await ask({ text: "First?" });
  app.advance(2_000);
  await ask({ text: "Second?" });
  await writeComment(`<p>Red, <strong>please</strong>. ${"So much to say. ".repeat(40)}</p>`);
  expect((await last())?.verdict).toMatchObject({
    by: "ada",
    comment: expect.stringMatching(/^Red, \*\*please\*\*\. .{600}/),
  });
  const [first] = await readTaskQuestions(app.deps, (await last())?.subject.item ?? "");
  expect(first?.verdict).toBeUndefined();
  await writeComment("<p>And the first: no</p>");
  expect((await readTaskQuestions(app.deps, first?.subject.item ?? ""))[0]?.verdict?.comment).toBe("And the first: no");
});

test("a person's comment from before the question, observed after it, and the comments of agents answer nothing", async () => {
  const { app, item, ask, last, writeComment } = await createQuestionApp();
  app.plane.addComment(item, "<p>By the way</p>");
  app.advance(1_000);
  await ask();
  app.advance(1_000);
  await writeComment("<p>Red</p>", "Imhotep");
  await writeComment("<p>Red</p>", "Thot");
  expect((await last())?.verdict).toBeUndefined();
});
