import { expect, test } from "vitest";
import { hasSummary } from "../../../shared/records/task-records.ts";
import { readCard } from "../../../shared/tasks/card-record.ts";
import { expireClaims } from "../../../shared/tasks/lifecycle/claim-upkeep.ts";
import { createAgentTestApp } from "../../support/agent-test-app.ts";

async function createCommentApp(options: Parameters<typeof createAgentTestApp>[0] = {}) {
  const app = await createAgentTestApp(options);
  const item = app.addTask("Write it down", "Thot");
  await app.runFirstPoll();
  const postComment = (name: string, given: Parameters<ReturnType<typeof app.actAs>["comment"]>[1]) =>
    app.actAs(name).comment("ONB-1", given);
  return { app, item, postComment };
}

test("OPENCLAW-05 comments are written as safe HTML on the work item, with the agent as author", async () => {
  const { app, item, postComment } = await createCommentApp();
  await postComment("Thot", {
    text: "**60 %**, see [it](https://a.example) <script>alert(1)</script> [x](javascript:y)",
  });
  expect(app.readComments(item)).toEqual([
    'Thot: <p><strong>60 %</strong>, see <a href="https://a.example">it</a> &#x3C;script>alert(1)&#x3C;/script> x</p>',
  ]);
});

test.each([
  [{ kind: "error" } as const, "<p><strong>Error</strong></p><p>a</p>"],
  [{ kind: "question" } as const, "<p><strong>Question</strong></p><p>a</p>"],
  [{ kind: "note" } as const, "<p>a</p>"],
  [{ kind: "progress", percent: 40 } as const, "<p><strong>Progress: 40%</strong></p><p>a</p>"],
  [{ percent: 40 }, "<p><strong>Progress: 40%</strong></p><p>a</p>"],
])("OPENCLAW-05 comments have a heading by their kind: %o", async (given, html) => {
  const { app, item, postComment } = await createCommentApp();
  await postComment("Thot", { text: "a", ...given });
  expect(app.readComments(item)).toEqual([`Thot: ${html}`]);
});

test("OPENCLAW-05 comments of kind progress update the agent card", async () => {
  const { app, item, postComment } = await createCommentApp();
  await postComment("Thot", { text: "half\nway", kind: "progress", percent: 50 });
  expect(await readCard(app.deps, item.id)).toMatchObject({ percent: 50, text: "half way" });
});

test("OPENCLAW-05 comments of kind progress by an agent that does not hold the task leave the holder's card unchanged", async () => {
  const app = await createAgentTestApp();
  const item = app.addTask("Write it down", ["Thot", "Imhotep"]);
  await app.runFirstPoll();
  await app.actAs("Thot").report("ONB-1", { percent: 50 });
  await app.actAs("Imhotep").comment("ONB-1", { text: "watching", percent: 5 });
  expect(await readCard(app.deps, item.id)).toMatchObject({ agent: "Thot", percent: 50 });
  expect(app.readComments(item)).toContain("Imhotep: <p><strong>Progress: 5%</strong></p><p>watching</p>");
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

test("OPENCLAW-05 comments name their agent when it has no Plane key of its own", async () => {
  const { app, item, postComment } = await createCommentApp({ keyless: ["Thot"] });
  await postComment("Thot", { text: "a" });
  expect(app.plane.comments(item)[0]?.comment_html).toBe("<p><strong>Thot</strong>:</p><p>a</p>");
});

test("OPENCLAW-05 comments are allowed to the task's agents and the Concierge, not to another agent", async () => {
  const { app, item, postComment } = await createCommentApp();
  await postComment("Concierge", { text: "Hurry" });
  await expect(postComment("Imhotep", { text: "Me too" })).rejects.toMatchObject({ code: "forbidden" });
  expect(app.readComments(item)).toEqual(["Concierge: <p>Hurry</p>"]);
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

test("OPENCLAW-05 comments are refused once to an agent that has lost its claim", async () => {
  const { app, item, postComment } = await createCommentApp();
  await app.actAs("Thot").claim("ONB-1");
  app.advance(16 * 60_000);
  await expireClaims(app.deps, "test");
  await app.runUntilIdle();
  const before = app.readComments(item);
  await expect(postComment("Thot", { text: "still at it" })).rejects.toThrow("the claim expired");
  expect(app.readComments(item)).toEqual(before);
  await postComment("Thot", { text: "still at it" });
  expect(app.readComments(item)).toContain("Thot: <p>still at it</p>");
});

test("OPENCLAW-05 a critical comment notifies the human once", async () => {
  const { app, postComment } = await createCommentApp();
  const critical = { text: "The <b>disk</b>\nis full", kind: "error", critical: true } as const;
  await postComment("Thot", critical);
  await postComment("Thot", critical);
  await app.runUntilIdle();
  expect(app.takeEvents()).toEqual(["ONB-1 critical"]);
});

test("OPENCLAW-05 a critical comment is the same comment and notifies the human when it is repeated as critical", async () => {
  const { app, item, postComment } = await createCommentApp();
  await postComment("Thot", { text: "a", kind: "error" });
  expect(app.takeEvents()).toEqual([]);
  await postComment("Thot", { text: "a", kind: "error", critical: true });
  expect(app.takeEvents()).toEqual(["ONB-1 critical"]);
  expect(app.readComments(item)).toHaveLength(1);
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
