import { expect, test } from "vitest";
import { createAppWithSession } from "./tickets-app.ts";

type Call = [tool_name: string, tool_input: object];

const bash = (command: string, more: object = {}): Call => ["Bash", { command, description: "Look", ...more }];

const toHook = ([tool_name, tool_input]: Call) => ({ hook_event_name: "PermissionRequest", tool_name, tool_input });

/** A session whose requests are answered as they arrive; one that nobody is asked about is allowed by a rule. */
async function createAppWithRules() {
  const { app, token, readSession } = await createAppWithSession();
  /** Asks for a permission, and answers it; returns how it was decided, and the rule that the question offers. */
  const ask = async (call: Call, answer = "deny") => {
    let offered: string | undefined;
    let isAsked = false;
    app.deps.wait = async () => {
      const [question] = (await readSession()).questions;
      if (!question || question.answer !== undefined) return;
      isAsked = true;
      offered = question.rule;
      const { id, hash } = question;
      await app.call("/api/sessions/ONB-1/answer", { question: id, answer, hash });
    };
    const { json } = await app.hook(token, toHook(call));
    const { hookSpecificOutput } = json as { hookSpecificOutput: { decision: { behavior: string } } };
    return { behavior: hookSpecificOutput.decision.behavior, offered, isAsked };
  };
  const readRules = async () => (await app.read("/api/permission-rules")).rules;
  return { app, token, readSession, ask, readRules };
}

const OFFERS: [Call, string | undefined][] = [
  [bash("npm test -- --run a.test.ts"), "Bash(npm test:*)"],
  [bash("ls"), "Bash(ls)"],
  [bash("rm -rf build"), "Bash(rm -rf build)"],
  [bash("git push origin x"), "Bash(git push origin x)"],
  [bash("npm test && curl https://evil.example"), undefined],
  [bash("npm test > /etc/passwd"), undefined],
  [bash("npm test $(id)"), undefined],
  [bash("npm test\nid"), undefined],
  [bash("npm test", { dangerouslyDisableSandbox: true }), undefined],
  [["Edit", { file_path: "/srv/a.ts", old_string: "a", new_string: "b" }], "Edit(/srv/a.ts)"],
  [["Write", { file_path: "/srv/../etc/passwd", content: "b" }], undefined],
  [["WebFetch", { url: "https://docs.example/a?b=c", prompt: "Read" }], "WebFetch(domain:docs.example)"],
  [["WebFetch", { url: "https://docs.example@evil.example/", prompt: "Read" }], undefined],
  [["mcp__ops__list", { any: 1 }], "mcp__ops__list"],
  [["Agent", { prompt: "x" }], undefined],
];

test("a question offers a rule for what one command does, and none for what may do more", async () => {
  const { ask } = await createAppWithRules();
  for (const [call, rule] of OFFERS) expect.soft((await ask(call)).offered, JSON.stringify(call)).toBe(rule);
});

test("an answer for always adds the rule that it names; its uses are in the ticket's log, until it is taken back", async () => {
  const { app, ask, readRules, readSession } = await createAppWithRules();
  expect(await ask(bash("npm test"), "allow_always")).toMatchObject({ behavior: "allow", isAsked: true });
  const [rule] = await readRules();
  expect(rule).toMatchObject({ rule: "Bash(npm test:*)", for: "ONB-1", by: "admin", uses: 0 });
  expect(await ask(bash("npm test -- --run"))).toMatchObject({ behavior: "allow", isAsked: false });
  expect(await readSession()).toMatchObject({
    reason: "allowed_by_rule",
    detail: "Bash(npm test:*): Bash command: npm test -- --run description: Look",
  });
  expect((await app.read("/api/sessions")).rules).toMatchObject([{ rule: "Bash(npm test:*)", uses: 1 }]);
  for (const command of ["npm test; id", "npm testing", "npm run build", "npm test | sh", "X=1 npm test", "npm  test"])
    expect(await ask(bash(command)), command).toMatchObject({ behavior: "deny", isAsked: true });
  expect((await app.call("/api/permission-rules/remove", { id: rule.id })).status).toBe(200);
  expect((await app.call("/api/permission-rules/remove", { id: rule.id })).status).toBe(404);
  expect(await ask(bash("npm test"))).toMatchObject({ behavior: "deny", isAsked: true });
});

test("a rule of the repository counts for its other tickets, and one of a ticket does not", async () => {
  const { app, ask, readRules } = await createAppWithRules();
  const readSession = async (key: string) =>
    (await app.read("/api/sessions")).sessions.find(({ id }: { id: string }) => id === key);
  await ask(bash("npm test"), "allow_always");
  await ask(bash("npm run build"), "allow_in_repo");
  expect(await readRules()).toMatchObject([{ for: "ONB" }, { for: "ONB-1" }]);
  await app.requestTicket("Another");
  await app.call("/api/approve/ONB-2");
  const { sessions } = await app.exchange();
  const token = sessions.find(({ ticket }) => ticket === "ONB-2")?.token ?? "";
  const send = (command: string) => app.hook(token, toHook(bash(command)), "ONB-2");
  let asked = 0;
  app.deps.wait = async () => {
    const answer = { question: (await readSession("ONB-2")).questions[0].id, answer: "deny" };
    asked += (await app.call("/api/sessions/ONB-2/answer", answer)).status === 200 ? 1 : 0;
  };
  await send("npm run build");
  expect(asked).toBe(0);
  await send("npm test");
  expect(asked).toBe(1);
});

test("no rule is added for what none was offered for, and an answer for another input is refused", async () => {
  const { app, token, readSession, readRules } = await createAppWithRules();
  app.deps.wait = async () => {
    const [{ id, answer }] = (await readSession()).questions;
    if (answer !== undefined) return;
    const send = (body: object) => app.call("/api/sessions/ONB-1/answer", { question: id, ...body });
    expect((await send({ answer: "allow_always" })).status).toBe(400);
    expect((await send({ answer: "allow", hash: "0".repeat(64) })).status).toBe(409);
    await send({ answer: "deny" });
  };
  await app.hook(token, toHook(bash("id; ls")));
  expect(await readRules()).toEqual([]);
});
