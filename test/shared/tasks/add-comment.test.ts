import { expect, test } from "vitest";
import { hasSummary } from "../../../shared/records/task-records.ts";
import { createAgentTestApp } from "../../support/agent-test-app.ts";

async function createCommentApp(options: Parameters<typeof createAgentTestApp>[0] = {}) {
  const app = await createAgentTestApp(options);
  const item = app.addTask("Write it down", "Thot");
  await app.runFirstPoll();
  const postComment = (name: string, given: Parameters<ReturnType<typeof app.actAs>["comment"]>[1]) =>
    app.actAs(name).comment("ONB-1", given);
  return { app, item, postComment };
}

test("OPENCLAW-05 comments are written as safe HTML by the agent, with a heading by their kind", async () => {
  const { app, item, postComment } = await createCommentApp();
  await postComment("Thot", { text: "**a** <script>alert(1)</script> [x](javascript:y)", kind: "error" });
  await postComment("Thot", { text: "b", kind: "question" });
  await postComment("Thot", { text: "c", kind: "note" });
  await postComment("Thot", { text: "d", percent: 40 });
  expect(app.readComments(item).reverse()).toEqual([
    "Thot: <p><strong>Error</strong></p><p><strong>a</strong> &#x3C;script>alert(1)&#x3C;/script> x</p>",
    "Thot: <p><strong>Question</strong></p><p>b</p>",
    "Thot: <p>c</p>",
    "Thot: <p><strong>Progress: 40%</strong></p><p>d</p>",
  ]);
});

test("OPENCLAW-05 comments are written once for a call repeated within ten minutes, and again later", async () => {
  const { app, item, postComment } = await createCommentApp();
  const first = await postComment("Thot", { text: "a" });
  app.advance(9 * 60_000);
  expect(await postComment("Thot", { text: "a" })).toEqual(first);
  await postComment("Thot", { text: "b" });
  app.advance(11 * 60_000);
  await postComment("Thot", { text: "a" });
  expect(app.readComments(item)).toEqual(["Thot: <p>a</p>", "Thot: <p>b</p>", "Thot: <p>a</p>"]);
});

test("OPENCLAW-05 comments are refused when no text would be visible", async () => {
  const { app, item, postComment } = await createCommentApp();
  await expect(postComment("Thot", { text: " \n\n" })).rejects.toMatchObject({ code: "bad_request" });
  await expect(postComment("Thot", { text: "![](data:image/png;base64,x)" })).rejects.toMatchObject({
    code: "bad_request",
  });
  for (const text of ["\u200b", "&#x200b;", "\u202e\u2066", "&nbsp;"])
    await expect(postComment("Thot", { text }), JSON.stringify(text)).rejects.toMatchObject({ code: "bad_request" });
  expect(app.readComments(item)).toEqual([]);
  await postComment("Thot", { text: `${"\u200b".repeat(2_000)}a` });
  await postComment("Thot", { text: "---" });
  expect(app.readComments(item)).toHaveLength(2);
});

test("OPENCLAW-05 a critical comment notifies the human once, also when it was written before", async () => {
  const { app, item, postComment } = await createCommentApp();
  const error = { text: "The <b>disk</b>\nis full", kind: "error" } as const;
  await postComment("Thot", error);
  expect(app.takeEvents()).toEqual([]);
  for (let i = 0; i < 2; i += 1) await postComment("Thot", { ...error, critical: true });
  await app.runUntilIdle();
  expect(app.takeEvents()).toEqual(["ONB-1 critical"]);
  expect(app.readComments(item).filter((comment) => comment.includes("is full"))).toHaveLength(1);
});

test("OPENCLAW-18 a note counts as a summary when the agent wrote it since its claim began", async () => {
  const { app, item, postComment } = await createCommentApp();
  expect(await hasSummary(app.deps, item.id, "Thot")).toBe(false);
  await postComment("Thot", { text: "What I did before" });
  app.advance(60_000);
  await app.actAs("Thot").claim("ONB-1");
  expect(await hasSummary(app.deps, item.id, "Thot")).toBe(false);
  await postComment("Thot", { text: "half", kind: "progress" });
  expect(await hasSummary(app.deps, item.id, "Thot")).toBe(false);
  await postComment("Concierge", { text: "What I think" });
  expect(await hasSummary(app.deps, item.id, "Thot")).toBe(false);
  await postComment("Thot", { text: "What I did" });
  expect(await hasSummary(app.deps, item.id, "Thot")).toBe(true);
});
