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
  const app = await createTicketsApp({ repositories });
  const policies = [createReport(lines)];
  await app.exchange([], { policies });
  return Object.assign(app, {
    /** Approves ONB-1, and has the runner take it; returns the session that it is to have. */
    async start() {
      await app.requestTicket();
      await app.call("/api/approve/ONB-1");
      const [desired] = (await app.exchange([], { policies })).sessions;
      await app.exchange([createSession()]);
      return desired;
    },
    /** Reports what the session has cost, and lets time pass for the tick. */
    async spend(cost_usd: number) {
      const answer = await app.exchange([createSession({ cost_usd })]);
      await app.tick();
      return answer;
    },
  });
}

test("time and sessions at once are the smaller ones of the settings and the file", async () => {
  const app = await createPolicyApp({ minutes: 10, max_sessions: 1 }, { minutes: 20 });
  expect((await app.start())?.minutes).toBe(10);
  const { ends_at, started_at } = await app.readSession();
  expect(Date.parse(ends_at) - Date.parse(started_at)).toBe(600_000);
  await app.requestTicket("Another");
  await app.call("/api/approve/ONB-2");
  expect((await app.exchange([createSession()])).sessions.map(({ ticket }) => ticket)).toEqual(["ONB-1"]);
  await app.exchange([createSession()], { policies: [createReport({ max_sessions: 2, minutes: 60 })] });
  const both = (await app.exchange([createSession()])).sessions;
  expect(both.map(({ ticket, minutes }) => `${ticket} ${minutes}`)).toEqual(["ONB-1 20", "ONB-2 20"]);
});

test.each([
  ["none", { publish: "pull-request" }, { publish: "none" }, "updated"],
  ["its own", { publish: "push" }, { publish: "pull-request" }, "publishing"],
  ["nothing of the file alone", {}, { publish: "push" }, "updated"],
])("a result is published as the stricter one says: %s", async (_, repository, lines, status) => {
  const app = await createPolicyApp(lines, repository);
  await app.start();
  await app.complete();
  await app.exchange([createSession({ state: "ended" })]);
  expect((await app.call("/api/update-plane/ONB-1")).json).toMatchObject({ status });
});

test("a person is asked at four fifths of the budget, grants it again, and the session is stopped kindly when it is used up", async () => {
  const app = await createPolicyApp({ budget_usd: 5 }, { budget_usd: 9 });
  const { spend, readSession, readRequests } = app;
  await app.start();
  await spend(3.99);
  expect(await readRequests()).toEqual([]);
  await spend(4.1);
  await spend(4.2);
  expect(await readSession()).toMatchObject({ questions: [{ kind: "budget", text: "4.10 / 5.00 USD" }] });
  expect(await readRequests()).toMatchObject([{ kind: "question", answers: ["extend", "cancel"] }]);
  const before = (await readSession()).ends_at;
  expect((await app.decide("extend")).status).toBe(200);
  expect(await readSession()).toMatchObject({ state: "running", questions: [], ends_at: before });
  await spend(8.9);
  expect(await readRequests()).toEqual([]);
  await spend(9.5);
  expect(await readSession()).toMatchObject({ questions: [{ kind: "budget", text: "9.50 / 10.00 USD" }] });
  await spend(10);
  expect((await spend(10)).stop).toMatchObject([{ ticket: "ONB-1", how: "kindly", reason: "budget_over" }]);
  const over = { state: "waiting", reason: "budget_over", questions: [{ kind: "ended" }] };
  expect(await readSession()).toMatchObject(over);
});

test("the approval names what a session may do, that none would start, and that its runner has no box", async () => {
  const lines = { permission_mode: "acceptEdits", publish: "none", allow: "WebFetch" };
  const app = await createPolicyApp(lines);
  await app.requestTicket();
  const findPart = async (part: string) =>
    (await app.readRequests()).at(-1).input.find(({ label }: { label: string }) => label === part)?.value;
  const policy = "permission_mode: acceptEdits (.groundcrew.json)\nallow: WebFetch (.groundcrew.json)";
  expect([await findPart("policy"), await findPart("box")]).toEqual([policy, undefined]);
  const missing = "sessions run without a box: bubblewrap (bwrap) is not installed";
  const warning = { name: "box", status: "warning" as const };
  const checks = ["OPS", "ONB"].map((one) => ({ ...warning, detail: `${one}: ${missing}` }));
  await app.exchange([], { checks, policies: [createReport({}, { problem: "The policy of ONB cannot be kept: x." })] });
  await app.requestTicket("Another");
  expect(JSON.stringify(await app.readRequests())).toContain("The policy of ONB cannot be kept: x.");
  expect(await findPart("box")).toBe(missing);
});

test("what is in force is shown with the place of each line, and what is not with the reason", async () => {
  const app = await createPolicyApp({ minutes: 10 }, { publish: "push" });
  await app.start();
  const left_out = [{ name: "allow", value: "Bash", from: ".groundcrew.json", why: "only the administrator" }];
  await app.exchange([createSession()], { policies: [createReport({ minutes: 10, model: "opus" }, { left_out })] });
  const policy = await app.read("/api/tickets/policies/onb");
  expect(policy).toMatchObject({ project: "ONB", base: "main", commit: "a1b2c3d4e5f6", runner: "vps", left_out });
  for (const line of [
    { name: "minutes", value: 10, from: ".groundcrew.json" },
    { name: "publish", value: "push", from: "tickets.repositories.ONB.publish" },
    { name: "max_sessions", value: 5, from: "tickets.max_sessions" },
    { name: "plan_first", value: false, from: "default" },
    { name: "model", value: "opus", from: ".groundcrew.json" },
  ])
    expect(policy.lines).toContainEqual(line);
});
