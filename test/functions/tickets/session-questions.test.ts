import { expect, test } from "vitest";
import { HOUR } from "../../../shared/time.ts";
import { COLOUR, createAppWithSession, createSession, createTicketsApp, SIZE, TOOLS } from "./tickets-app.ts";

type Call = [tool_name: string, tool_input: object];

const bash = (command: string, more: object = {}): Call => ["Bash", { command, description: "Look", ...more }];

const toHook = ([tool_name, tool_input]: Call, hook_event_name = "PermissionRequest") => ({
  ...{ hook_event_name, tool_name, tool_input },
});

test("An input that is kept whole is allowed through the API; a longer, wider or deeper one only in the terminal", async () => {
  const { app, token, readSession } = await createAppWithSession();
  const decide = async (input: string) => {
    let allowed: unknown;
    app.deps.wait = async () => {
      const [question] = (await readSession()).questions;
      if (!question || question.answer !== undefined) return;
      allowed = [question.complete, (await app.answer(question.id, "allow")).status];
      await app.answer(question.id, "deny");
    };
    const body = `{"hook_event_name":"PermissionRequest","tool_name":"Bash","tool_input":${input}}`;
    const response = await app.request("/api/runner/sessions/ONB-1/hooks", token, { method: "POST", body });
    return [allowed, await response.json()];
  };
  const toDecision = (behavior: string) => ({ hookSpecificOutput: { decision: { behavior } } });
  const toCommand = (length: number) => JSON.stringify({ command: "x".repeat(length) });
  expect(await decide(toCommand(40_000))).toMatchObject([[true, 200], toDecision("allow")]);
  const manyFields = JSON.stringify(Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`f${i}`, i])));
  const deep = `{"command":"ls","args":${"[".repeat(100_000)}"rm"${"]".repeat(100_000)}}`;
  for (const input of [toCommand(60_000), manyFields, JSON.stringify({ ["x".repeat(100)]: 1 }), deep])
    expect(await decide(input), input.slice(0, 40)).toMatchObject([[false, 400], toDecision("deny")]);
});

test("Of 60 requests at once five are asked, and the others are denied at once with the reason for the model", async () => {
  const { app, token, readSession } = await createAppWithSession();
  const release = Promise.withResolvers<void>();
  app.deps.wait = () => release.promise;
  let denied = 0;
  const isDenied = Promise.withResolvers<void>();
  const requests = Array.from({ length: 60 }, async (_, i) => {
    const answer = await app.hook(token, toHook(bash(`touch ${i}`)));
    if (answer.status === 200) denied += 1;
    if (denied === 55) isDenied.resolve();
    return answer;
  });
  await isDenied.promise;
  const { questions } = await readSession();
  expect(questions).toHaveLength(5);
  for (const { id } of questions) await app.answer(id, "allow");
  release.resolve();
  const answers = (await Promise.all(requests)).map(({ json }) => JSON.stringify(json));
  expect(answers.filter((answer) => answer.includes('"allow"'))).toHaveLength(5);
  const refused = answers.filter((answer) => answer.includes('"deny"'));
  expect(refused).toHaveLength(55);
  expect(refused[0]).toContain("5 requests of this session wait for a person already");
});

/** A session whose requests are answered as they arrive; one that nobody is asked about is allowed by a rule. */
async function createAppWithRules() {
  const created = await createAppWithSession();
  const { app, token, readSession } = created;
  /** Asks for a permission, and answers it; returns how it was decided, and the rule that the question offers. */
  const ask = async (call: Call, answer = "deny") => {
    let asked: { id: string; hash: string; rule?: string } | undefined;
    const { json } = await app.holdHook(token, toHook(call), async () => {
      [asked] = (await readSession()).questions;
      await app.answer(asked?.id ?? "", answer, asked?.hash);
    });
    const { behavior } = json.hookSpecificOutput.decision;
    return { behavior, offered: asked?.rule, isAsked: asked !== undefined };
  };
  return { ...created, ask, readRules: async () => (await app.read("/api/permission-rules")).rules };
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

test("an answer for always adds the rule that it names; its uses are in the ticket's log, until it is taken back", async () => {
  const { app, ask, readRules, readSession } = await createAppWithRules();
  expect(await ask(bash("npm test"), "allow_always")).toMatchObject({ behavior: "allow", isAsked: true });
  const [rule] = await readRules();
  expect(rule).toMatchObject({ rule: "Bash(npm test:*)", for: "ONB-1", by: "admin", uses: 0 });
  expect(await ask(bash("npm test -- --run"))).toMatchObject({ behavior: "allow", isAsked: false });
  const detail = "Bash(npm test:*): Bash command: npm test -- --run description: Look";
  expect(await readSession()).toMatchObject({ reason: "allowed_by_rule", detail });
  expect((await app.read("/api/sessions")).rules).toMatchObject([{ rule: "Bash(npm test:*)", uses: 1 }]);
  for (const command of ["npm test; id", "npm testing", "npm run build", "npm test | sh", "X=1 npm test", "npm  test"])
    expect(await ask(bash(command)), command).toMatchObject({ behavior: "deny", isAsked: true });
  for (const status of [200, 404])
    expect((await app.call("/api/permission-rules/remove", { id: rule.id })).status).toBe(status);
  expect(await ask(bash("npm test"))).toMatchObject({ behavior: "deny", isAsked: true });
});

test("a rule of the repository counts for its other tickets, and one of a ticket does not", async () => {
  const { app, ask, readRules } = await createAppWithRules();
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
    const all: { id: string; questions: { id: string }[] }[] = (await app.read("/api/sessions")).sessions;
    const question = all.find(({ id }) => id === "ONB-2")?.questions[0]?.id;
    asked += Number((await app.call("/api/sessions/ONB-2/answer", { question, answer: "deny" })).status === 200);
  };
  await send("npm run build");
  expect(asked).toBe(0);
  await send("npm test");
  expect(asked).toBe(1);
});

test("a question offers a rule for what one command does, and none, which then is not added, for what may do more; an answer for another input is refused", async () => {
  const { app, token, ask, readSession, readRules } = await createAppWithRules();
  for (const [call, rule] of OFFERS) expect.soft((await ask(call)).offered, JSON.stringify(call)).toBe(rule);
  const { json } = await app.holdHook(token, toHook(bash("id; ls")), async () => {
    const [{ id }] = (await readSession()).questions;
    expect((await app.answer(id, "allow_always")).status).toBe(400);
    expect((await app.answer(id, "allow", "0".repeat(64))).status).toBe(409);
    await app.answer(id, "deny");
  });
  expect(json.hookSpecificOutput.decision.behavior).toBe("deny");
  expect(await readRules()).toEqual([]);
});

const createSeriesHook = (questions: object[], event?: string) => toHook(["AskUserQuestion", { questions }], event);
const toDecision = (questions: object[], answers: Record<string, string>) => ({
  hookSpecificOutput: {
    hookEventName: "PermissionRequest",
    decision: { behavior: "allow", updatedInput: { questions, answers } },
  },
});

async function createAppWithQuestions() {
  const created = await createAppWithSession();
  const { app, token } = created;
  const readQuestions = async () => (await app.readSession()).questions;
  /** Answers the question that is open now. */
  const answerOpen = async (answer: string) => {
    const [{ id }] = await readQuestions();
    expect((await app.answer(id, answer)).status).toBe(200);
  };
  const holdSeries = (questions: object[], ...acts: (() => unknown)[]) =>
    app.holdHook(token, createSeriesHook(questions), ...acts);
  return { ...created, readQuestions, answerOpen, holdSeries };
}

test("A question is answered by several options and a text of one's own; an answer that is repeated changes nothing, and none is for the next one", async () => {
  const { app, readQuestions, answerOpen, holdSeries } = await createAppWithQuestions();
  const { json } = await holdSeries([COLOUR, TOOLS], async () => {
    const [first] = await readQuestions();
    await answerOpen("Blue");
    const second = await readQuestions();
    for (const [answer, status] of [["Blue", 200] as const, ["Red", 409] as const])
      expect((await app.answer(first.id, answer)).status).toBe(status);
    expect(await readQuestions()).toEqual(second);
    await answerOpen("tsx, ky, and axios, too");
  });
  const answers = { "Which colour?": "Blue", "Which tools?": 'ky, tsx, "and axios, too"' };
  expect(json).toEqual(toDecision([COLOUR, TOOLS], answers));
});

test("After kill -9 between two answers, the repeated request continues with the next question and gets both answers", async () => {
  const { app, readQuestions, answerOpen, holdSeries } = await createAppWithQuestions();
  const kill = () => Promise.reject(new Error("the process has ended"));
  await holdSeries([COLOUR, SIZE], () => answerOpen("Something else").then(kill)).catch(() => {});
  const before = await readQuestions();
  expect(before).toMatchObject([{ text: "Which size?", number: 2 }]);
  const { json } = await holdSeries([COLOUR, SIZE], async () => {
    expect(await readQuestions()).toEqual(before);
    await answerOpen("S");
  });
  expect(json).toEqual(toDecision([COLOUR, SIZE], { "Which colour?": "Something else", "Which size?": "S" }));
  expect((await app.exchange([createSession()])).sessions[0]?.inputs).toEqual([]);
});

test("Once the dialog alone waits, a text of one's own closes it, and the session reads all answers as text", async () => {
  const { app, answerOpen, holdSeries, readQuestions } = await createAppWithQuestions();
  expect(await holdSeries([COLOUR, TOOLS])).toMatchObject({ status: 204 });
  await answerOpen("Green, please");
  await answerOpen("ky, tsx");
  expect(await readQuestions()).toEqual([]);
  const inputs = (await app.exchange([createSession()])).sessions[0]?.inputs ?? [];
  expect(inputs.map(({ kind, text }) => [kind, text])).toEqual([
    ["keys", "Escape"],
    ["text", "Which colour? Green, please; Which tools? ky, tsx"],
  ]);
});

test("A series that somebody answers in the terminal is closed, whichever of its questions is open", async () => {
  const { app, token, readSession, readQuestions, answerOpen, holdSeries } = await createAppWithQuestions();
  const answerInTerminal = async () => {
    const [{ id }] = await readQuestions();
    await app.hook(token, createSeriesHook([SIZE], "PostToolUse"));
    expect(await readQuestions()).toMatchObject([{ id }]);
    await app.hook(token, createSeriesHook([COLOUR, SIZE], "PostToolUse"));
    expect((await app.answer(id, "M")).status).toBe(409);
  };
  const { status } = await holdSeries([COLOUR, SIZE], () => answerOpen("Red"), answerInTerminal);
  expect(status).toBe(204);
  expect(await readSession()).toMatchObject({ state: "running", questions: [] });
  expect((await app.exchange([createSession()])).sessions[0]?.inputs).toEqual([]);
});

const PLAN = "# Plan\n1. edit a.txt\n2. commit\n";
const toOutput = (decision: object) => ({ hookSpecificOutput: { hookEventName: "PermissionRequest", decision } });
const APPROVAL = toOutput({
  ...{ behavior: "allow", updatedInput: { plan: PLAN } },
  updatedPermissions: [{ type: "setMode", mode: "default", destination: "session" }],
});
const toDenial = (message: string) => toOutput({ behavior: "deny", message });

/** ONB-1, whose session plans first: by its repository, or by a label of its work item. */
async function createPlanningApp(label?: string) {
  const repository = label === undefined ? { path: "/srv/onb", plan_first: true } : "/srv/onb";
  const app = await createTicketsApp({ repositories: { ONB: repository } });
  const labels = label === undefined ? [] : [app.plane.addLabel(app.onb, label).id];
  await app.requestTicket("Write it down", { labels });
  const token = await app.runSession();
  const hook = (event: string, fields: object) =>
    app.hook(token, { hook_event_name: event, permission_mode: "plan", ...fields });
  /** Claude Code shows a plan, and a person does this while it waits; resolves with what it is answered. */
  const showPlan = (act: () => unknown = () => {}, tool_input: object = { plan: PLAN }) => {
    const shown = { tool_name: "ExitPlanMode", tool_input };
    return app.holdHook(token, { hook_event_name: "PermissionRequest", permission_mode: "plan", ...shown }, act);
  };
  return { app, hook, showPlan, readSession: app.readSession };
}

test("TICKET-04 A plan is a request, whole; approved it goes on in the same conversation with exactly what was shown", async () => {
  const { app, hook, showPlan, readSession } = await createPlanningApp();
  expect((await app.exchange([createSession()])).sessions).toMatchObject([{ plans: true }]);
  const seen: object[] = [];
  const approve = async () => {
    seen.push(...(await app.readRequests()), await readSession(), await app.decide("approve"));
  };
  const answer = await showPlan(approve, { plan: PLAN.replace("edit", "edit\u202e") });
  expect(seen).toMatchObject([
    { kind: "plan", text: PLAN, answers: ["approve", "send_back", "reject"], from: "Claude Code" },
    { state: "waiting", plan: "open", questions: [{ kind: "plan", text: PLAN }] },
    { status: 200 },
  ]);
  expect(answer.json).toEqual(APPROVAL);
  await hook("PostToolUse", { tool_name: "ExitPlanMode", tool_input: {} });
  expect(await readSession()).toMatchObject({ state: "running", plan: "approved", questions: [] });
  expect((await app.exchange([createSession()])).sessions).toMatchObject([{ plans: false }]);
});

test("TICKET-04 A plan is sent back with a person's words as often as needed, and rejected it ends the ticket", async () => {
  const { app, showPlan, readSession } = await createPlanningApp();
  const words = `Use b.txt\n${"x".repeat(9_000)}`;
  const sendBack = async () => {
    expect((await app.decide("send_back")).status).toBe(400);
    expect((await app.decide("send_back", { comment: words })).status).toBe(200);
  };
  expect((await showPlan(sendBack)).json).toEqual(toDenial(words));
  expect(await readSession()).toMatchObject({ state: "running", plan: "open" });
  expect((await showPlan(() => app.decide("reject"))).status).toBe(204);
  expect((await app.exchange([createSession()])).stop).toMatchObject([{ ticket: "ONB-1", reason: "cancelled" }]);
});

test("TICKET-04 Without an approved plan nothing is completed; a plan that is not written is asked for", async () => {
  const { app, hook, showPlan, readSession } = await createPlanningApp("Plan-First");
  const missing = "There is no plan. Write it to the plan file, then call ExitPlanMode again.";
  expect((await showPlan(undefined, {})).json).toEqual(toDenial(missing));
  expect((await hook("UserPromptExpansion", { command_name: "complete", command_args: "All is done" })).json).toEqual({
    decision: "block",
    reason: "The plan has not been approved yet: approve it first",
  });
  await app.exchange([createSession({ completion: { summary: "All is done", source: "file" } })]);
  expect(await readSession()).toMatchObject({ state: "running", plan: "open" });
});

test("TICKET-04 A plan waits as long as it takes: beyond the session's time, and after its hook, when the answer is typed", async () => {
  const { app, hook, showPlan, readSession } = await createPlanningApp();
  const { ends_at: before } = await readSession();
  // Nobody answers while the hook is held.
  expect((await showPlan()).status).toBe(204);
  app.advance(3 * HOUR);
  await app.tick();
  const message = "Claude Code needs your approval for the plan";
  await hook("Notification", { notification_type: "permission_prompt", message });
  expect(await readSession()).toMatchObject({ state: "waiting", questions: [{ kind: "plan" }] });
  await app.decide("approve");
  const [session] = (await app.exchange([createSession()])).sessions;
  expect(session).toMatchObject({ inputs: [{ kind: "keys", text: "2" }], plans: false });
  const { ends_at: after } = await readSession();
  expect(Date.parse(after) - Date.parse(before)).toBeGreaterThanOrEqual(3 * HOUR);
});
