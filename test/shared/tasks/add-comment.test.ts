import { expect, test } from "vitest";
import { createAgentTaskApp } from "../../support/agent-test-app.ts";

async function createCommentApp() {
  const { app, item } = await createAgentTaskApp("Thot");
  const comment = (given: Parameters<ReturnType<typeof app.actAs>["comment"]>[1], by = "Thot") =>
    app.actAs(by).comment("ONB-1", given);
  return { app, item, comment, readTexts: () => app.readComments(item).toReversed() };
}

test("OPENCLAW-05 comments are written as safe HTML by the agent, with a heading by their kind", async () => {
  const { comment, readTexts } = await createCommentApp();
  await comment({ text: "**a** <script>alert(1)</script> [x](javascript:y)", kind: "error" });
  for (const more of [{ kind: "question" }, { kind: "note" }, { percent: 40 }] as const)
    await comment({ text: "b", ...more });
  expect(readTexts()).toEqual([
    "Thot: <p><strong>Error</strong></p><p><strong>a</strong> &#x3C;script>alert(1)&#x3C;/script> x</p>",
    "Thot: <p><strong>Question</strong></p><p>b</p>",
    "Thot: <p>b</p>",
    "Thot: <p><strong>Progress: 40%</strong></p><p>b</p>",
  ]);
});

test("OPENCLAW-05 comments are written once for a call repeated within ten minutes, and again later or by another agent", async () => {
  const { app, comment, readTexts } = await createCommentApp();
  const first = await comment({ text: "a" });
  app.advance(9 * 60_000);
  expect(await comment({ text: "a" })).toEqual(first);
  await comment({ text: "a" }, "Concierge");
  app.advance(11 * 60_000);
  await comment({ text: "a" });
  expect(readTexts()).toEqual(["Thot: <p>a</p>", "Concierge: <p>a</p>", "Thot: <p>a</p>"]);
});

test("OPENCLAW-05 comments are refused when no text would be visible", async () => {
  const { comment, readTexts } = await createCommentApp();
  for (const text of [" \n\n", "![](data:image/png;base64,x)", "\u200b", "&#x200b;", "\u202e\u2066", "&nbsp;"])
    await expect(comment({ text }), JSON.stringify(text)).rejects.toMatchObject({ code: "bad_request" });
  expect(readTexts()).toEqual([]);
  for (const text of [`${"\u200b".repeat(2_000)}a`, "---"]) await comment({ text });
  expect(readTexts()).toHaveLength(2);
});

test("OPENCLAW-05 a critical comment notifies the human once, also when it was written before", async () => {
  const { app, comment, readTexts } = await createCommentApp();
  const error = { text: "The <b>disk</b>\nis full", kind: "error" } as const;
  await comment(error);
  expect(app.takeEvents()).toEqual([]);
  for (let i = 0; i < 2; i += 1) await comment({ ...error, critical: true });
  await app.runUntilIdle();
  expect(app.takeEvents()).toEqual(["ONB-1 critical"]);
  expect(readTexts().filter((text) => text.includes("is full"))).toHaveLength(1);
});

test("OPENCLAW-18 a note counts as a summary when the agent wrote it since its claim began", async () => {
  const { app, comment } = await createCommentApp();
  const finish = () => app.actAs("Thot").setStatus("ONB-1", { status: "done" });
  await comment({ text: "What I did before" });
  app.advance(60_000);
  await app.actAs("Thot").setStatus("ONB-1", { status: "in_progress" });
  await comment({ text: "half", kind: "progress" });
  await comment({ text: "What I think" }, "Concierge");
  await expect(finish()).rejects.toThrow("no summary");
  await comment({ text: "What I did" });
  expect(await finish()).toMatchObject({ status: "done" });
});
