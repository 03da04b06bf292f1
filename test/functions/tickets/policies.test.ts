import { expect, test } from "vitest";
import type { PolicyReport } from "../../../shared/tickets/exchange.ts";
import { createSession, createTicketsApp } from "./tickets-app.ts";

type Lines = Record<string, unknown>;

/** What a runner reports of ONB: lines of its own file on the base branch. */
function createReport(lines: Lines, more: Partial<PolicyReport> = {}): PolicyReport {
  return {
    ...{ project: "ONB", base: "main", commit: "a1b2c3d4e5f6a1b2c3d4e5f6a1b2c3d4e5f6a1b2", left_out: [] },
    lines: Object.entries(lines).map(([name, value]) => ({ name, value, from: ".groundcrew.json" })),
    ...more,
  };
}

/** Tickets of ONB, whose runner has read this policy on its base branch. */
async function createPolicyApp(lines: Lines, repository: object = {}) {
  const repositories = { ONB: { path: "/srv/onb", ...repository } };
  const app = await createTicketsApp({ repositories }, { env: { ALLOW_TEST_TICKETS: "1" } });
  const policies = [createReport(lines)];
  await app.exchange([], { policies });
  const readSession = async () => (await app.read("/api/sessions")).sessions[0];
  const readRequests = async () => (await app.read("/api/requests")).requests;
  return {
    app,
    readSession,
    readRequests,
    /** Approves ONB-1, and has the runner take it; returns the session that it is to have. */
    async start() {
      await app.requestTicket();
      await app.call("/api/approve/ONB-1");
      const [desired] = (await app.exchange([], { policies })).sessions;
      await app.exchange([createSession()]);
      return desired;
    },
    /** Reports what the session has cost, and lets time pass for the tick. */
    async spend(cost_usd: number, change: Parameters<typeof createSession>[0] = {}) {
      const answer = await app.exchange([createSession({ cost_usd, ...change })]);
      await app.tick();
      return answer;
    },
    async decide(kind: string, answer: string) {
      const request = (await readRequests()).find((one: { kind: string }) => one.kind === kind);
      return app.call(`/api/requests/${request.id}`, { answer, hash: request.hash });
    },
  };
}

test("time and sessions at once are the smaller ones of the settings and the file", async () => {
  const { app, start, readSession } = await createPolicyApp({ minutes: 10, max_sessions: 1 }, { minutes: 20 });
  const desired = await start();
  expect(desired?.minutes).toBe(10);
  const { ends_at, started_at } = await readSession();
  expect(Date.parse(ends_at) - Date.parse(started_at)).toBe(600_000);
  await app.requestTicket("Another");
  await app.call("/api/approve/ONB-2");
  expect((await app.exchange([createSession()])).sessions.map(({ ticket }) => ticket)).toEqual(["ONB-1"]);
  await app.exchange([createSession()], { policies: [createReport({ max_sessions: 2, minutes: 60 })] });
  const both = (await app.exchange([createSession()])).sessions;
  expect(both.map(({ ticket, minutes }) => [ticket, minutes])).toEqual([
    ["ONB-1", 20],
    ["ONB-2", 20],
  ]);
});

test("what the runner's own settings say about all repositories changes nothing of Groundcrew's", async () => {
  const { app, start } = await createPolicyApp({}, { minutes: 60, publish: "push" });
  const from = { minutes: "tickets.minutes", max_sessions: "tickets.max_sessions", publish: "default" };
  const values = { minutes: 30, max_sessions: 1, publish: "none" };
  const lines = Object.entries(values).map(([name, value]) => ({ name, value, from: from[name as keyof typeof from] }));
  await app.exchange([], { policies: [createReport({}, { lines })] });
  await start();
  await app.exchange([createSession()], { policies: [createReport({}, { lines })] });
  expect((await app.exchange([createSession()])).sessions).toMatchObject([{ minutes: 60 }]);
  const policy = await app.read("/api/tickets/policies/ONB");
  expect(policy.lines).toContainEqual({ name: "publish", value: "push", from: "tickets.repositories.ONB.publish" });
  expect(policy.lines).toContainEqual({ name: "max_sessions", value: 5, from: "tickets.max_sessions" });
});

test("where the settings name no test command, that of the file is run", async () => {
  const { app } = await createPolicyApp({ test_command: "make test" });
  await app.requestTicket("Build it", { description_html: "<p>Done when: tests</p>" });
  await app.runSession();
  expect((await app.call("/api/sessions/ONB-1/complete", { summary: "Done" })).json).toMatchObject({
    waits_for: "tests",
  });
  expect((await app.exchange([createSession()])).test).toMatchObject([{ ticket: "ONB-1" }]);
});

test.each([
  ["none", { publish: "pull-request" }, { publish: "none" }, "updated"],
  ["its own", { publish: "push" }, { publish: "pull-request" }, "publishing"],
  ["nothing of the file alone", {}, { publish: "push" }, "updated"],
])("a result is published as the stricter one says: %s", async (_, repository, lines, status) => {
  const { app, start } = await createPolicyApp(lines, repository);
  await start();
  await app.call("/api/sessions/ONB-1/complete", { summary: "All is done" });
  await app.exchange([createSession({ state: "ended" })]);
  expect((await app.call("/api/update-plane/ONB-1")).json).toMatchObject({ status });
});

test("a person is asked at four fifths of the budget, grants it again, and the session is stopped kindly when it is used up", async () => {
  const { app, start, spend, decide, readSession, readRequests } = await createPolicyApp(
    { budget_usd: 5 },
    { budget_usd: 9 },
  );
  await start();
  await spend(3.99);
  expect(await readRequests()).toEqual([]);
  await spend(4.1);
  await spend(4.2);
  expect(await readSession()).toMatchObject({ questions: [{ kind: "budget", text: "4.10 / 5.00 USD" }] });
  expect(await readRequests()).toMatchObject([{ kind: "question", answers: ["extend", "cancel"] }]);
  const before = (await readSession()).ends_at;
  expect((await decide("question", "extend")).status).toBe(200);
  expect(await readSession()).toMatchObject({ state: "running", questions: [], ends_at: before });
  await spend(8.9);
  expect(await readRequests()).toEqual([]);
  await spend(9.5);
  expect(await readSession()).toMatchObject({ questions: [{ kind: "budget", text: "9.50 / 10.00 USD" }] });
  await spend(10);
  expect((await spend(10)).stop).toMatchObject([{ ticket: "ONB-1", how: "kindly", reason: "budget_over" }]);
  expect(await readSession()).toMatchObject({
    state: "waiting",
    reason: "budget_over",
    questions: [{ kind: "ended" }],
  });
  await spend(10, { state: "ended", exit: { reason: "exited", status: 0 } });
  await decide("question", "resume");
  app.advance(60_000);
  await app.exchange();
  expect((await app.exchange()).sessions).toMatchObject([{ ticket: "ONB-1", resume: true }]);
  const later = { started_at: new Date(app.time.now).toISOString() };
  await spend(13.9, later);
  expect(await readSession()).toMatchObject({ state: "running", questions: [] });
  await spend(14.5, later);
  expect(await readSession()).toMatchObject({ questions: [{ text: "14.50 / 15.00 USD" }] });
});

test("the cost of all runs of a ticket counts, each once, and more time grants no money", async () => {
  const { app, start, spend, readSession } = await createPolicyApp({ budget_usd: 5 });
  await start();
  await spend(2);
  await app.call("/api/sessions/ONB-1/extend", { minutes: 10 });
  await app.call("/api/sessions/ONB-1/cancel");
  await app.exchange([createSession({ cost_usd: 2, state: "ended" })]);
  await app.call("/api/test/add-ticket", { id: "ONB-1", title: "Again" });
  await app.call("/api/approve/ONB-1");
  await app.exchange();
  const second = { run: 2, session_id: "11111111-2222-4333-8444-000000000009" };
  await spend(0.1, second);
  await spend(1.9, second);
  expect(await readSession()).toMatchObject({ run: 2, state: "running", questions: [] });
  await spend(2.5, second);
  expect(await readSession()).toMatchObject({ questions: [{ kind: "budget", text: "4.50 / 5.00 USD" }] });
});

test("the approval of a ticket names what a session may do, and why none would start", async () => {
  const { app, readRequests } = await createPolicyApp({
    permission_mode: "acceptEdits",
    publish: "none",
    allow: "WebFetch",
  });
  await app.requestTicket();
  const findPart = async () =>
    (await readRequests())[0].input.find(({ label }: { label: string }) => label === "policy")?.value;
  expect(await findPart()).toBe("permission_mode: acceptEdits (.groundcrew.json)\nallow: WebFetch (.groundcrew.json)");
  await app.exchange([], { policies: [createReport({}, { problem: "The policy of ONB cannot be kept: x." })] });
  await app.requestTicket("Another");
  const requests = await readRequests();
  expect(JSON.stringify(requests)).toContain("The policy of ONB cannot be kept: x.");
});

test("an approved plan goes on with the mode and the rules of the policy", async () => {
  const lines = [
    { name: "permission_mode", value: "acceptEdits", from: "tickets.repositories.ONB.permission_mode" },
    ...["Bash(npm test:*)", "mcp__docs__*"].map((value) => ({ name: "allow", value, from: ".groundcrew.json" })),
  ];
  const { app, decide } = await createPolicyApp({}, { plan_first: true });
  await app.exchange([], { policies: [createReport({}, { lines })] });
  await app.requestTicket();
  const token = await app.runSession();
  let isDone = false;
  app.deps.wait = async () => {
    if (!isDone) await decide("plan", "approve");
    isDone = true;
  };
  const plan = { hook_event_name: "PermissionRequest", tool_name: "ExitPlanMode", tool_input: { plan: "Do it" } };
  const { json } = await app.hook(token, plan);
  expect(json).toMatchObject({
    hookSpecificOutput: {
      decision: {
        behavior: "allow",
        updatedPermissions: [
          { type: "setMode", mode: "acceptEdits", destination: "session" },
          {
            ...{ type: "addRules", behavior: "allow", destination: "session" },
            rules: [{ toolName: "Bash", ruleContent: "npm test:*" }, { toolName: "mcp__docs__*" }],
          },
        ],
      },
    },
  });
});

test("what is in force is shown with the place of each line, what is not with the reason, and what people always allow with who and when", async () => {
  const { app, start, readSession } = await createPolicyApp({ minutes: 10 }, { publish: "push" });
  const token = (await start())?.token ?? "";
  app.deps.wait = async () => {
    const [question] = (await readSession()).questions;
    if (question) await app.call("/api/sessions/ONB-1/answer", { question: question.id, answer: "allow_in_repo" });
  };
  await app.hook(token, {
    hook_event_name: "PermissionRequest",
    tool_name: "Bash",
    tool_input: { command: "npm test" },
  });
  const left_out = [{ name: "allow", value: "Bash", from: ".groundcrew.json", why: "only the administrator" }];
  const report = createReport({ minutes: 10, model: "opus" }, { left_out });
  await app.exchange([createSession()], { policies: [report] });
  const policy = await app.read("/api/tickets/policies/onb");
  expect(policy).toMatchObject({ project: "ONB", base: "main", commit: "a1b2c3d4e5f6", runner: "vps", problems: [] });
  for (const line of [
    { name: "minutes", value: 10, from: ".groundcrew.json" },
    { name: "publish", value: "push", from: "tickets.repositories.ONB.publish" },
    { name: "max_sessions", value: 5, from: "tickets.max_sessions" },
    { name: "plan_first", value: false, from: "default" },
    { name: "model", value: "opus", from: ".groundcrew.json" },
  ])
    expect(policy.lines).toContainEqual(line);
  expect(policy.left_out).toEqual(left_out);
  expect(policy.lines.at(-1)).toMatchObject({
    ...{ name: "allow", value: "Bash(npm test:*)", from: "always allowed for ONB by admin", uses: 0 },
    added_at: new Date(app.time.now).toISOString(),
  });
  expect(await app.read("/api/tickets/policies/ONB-1")).toEqual(policy);
  expect((await app.call("/api/tickets/policies/OPS", undefined, "GET")).status).toBe(404);
});

test("before a runner has reported, the settings are shown, and that is said", async () => {
  const app = await createTicketsApp();
  const { lines, problems } = await app.read("/api/tickets/policies/ONB");
  expect(problems).toEqual([expect.stringMatching(/^No runner has read the base branch yet/)]);
  expect(lines).toContainEqual({ name: "sandbox", value: "auto", from: "tickets.sandbox" });
});
