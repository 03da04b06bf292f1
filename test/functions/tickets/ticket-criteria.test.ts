import { expect, test } from "vitest";
import { createSession, createTicketsApp } from "./tickets-app.ts";

const COMMITS = [{ id: "a1b2c3d4e5f6a1b2c3d4e5f6a1b2c3d4e5f6a1b2", subject: "feat: it" }];

const OTHER_COMMITS = [{ id: "b1b2c3d4e5f6a1b2c3d4e5f6a1b2c3d4e5f6a1b2", subject: "fix: it" }, ...COMMITS];

const REPOSITORY = { path: "/srv/onb", test_command: "npm test" };

/** A ticket that requires a commit and tests, whose session runs; with `test_command`, its repository names one. */
async function createCriteriaApp({ hasCommand = false } = {}) {
  const app = await createTicketsApp(hasCommand ? { repositories: { ONB: REPOSITORY } } : {});
  const item = await app.requestTicket("Build it", { description_html: "<p>Done when: commit, tests</p>" });
  const token = await app.runSession();
  return {
    app,
    item,
    readSession: async () => (await app.read("/api/sessions")).sessions[0],
    complete: (summary: string) => app.call("/api/sessions/ONB-1/complete", { summary }),
    command: async (summary: string) => {
      const hook = { hook_event_name: "UserPromptExpansion", command_name: "complete", command_args: summary };
      return (await app.hook(token, hook)).json;
    },
    async callTool(input: object) {
      const body = JSON.stringify({ task: "ONB-1", status: "done", text: "All is done", ...input });
      const response = await app.request("/agent/update_task_status", token, { method: "POST", body });
      return { status: response.status, text: await response.text() };
    },
    /** Exchanges as the runner and returns the id of the test run that Groundcrew wants. */
    report: async (change: Parameters<typeof createSession>[0] = {}) =>
      (await app.exchange([createSession(change)])).test[0]?.id,
  };
}

test("OPENCLAW-18 A person completes a ticket when the branch has a commit and the summary reports tests that passed", async () => {
  const { app, complete, report } = await createCriteriaApp();
  expect(await complete("All is done")).toMatchObject({
    status: 409,
    json: { error: { message: expect.stringMatching(/no commit on the branch: .*; no tests reported: .*Tests: 12/) } },
  });
  await report({ commits: COMMITS });
  expect((await complete("All is done\n\nTests: 3 failed, 9 passed")).json.error.message).toContain("some failed");
  expect(await complete("All is done\n\nTests: 12 passed")).toEqual({
    status: 200,
    json: { ticket_id: "ONB-1", state: "completed" },
  });
  expect((await app.read("/api/completed-tickets")).tickets).toMatchObject([{ source: "person" }]);
});

test("A completion file counts as soon as the branch has a commit; before, a person sees what is missing", async () => {
  const { app, readSession, report } = await createCriteriaApp();
  const completion = { summary: "All is done\nTests: 12 passed", source: "file" } as const;
  for (let n = 0; n < 2; n += 1) await report({ completion });
  expect(await readSession()).toMatchObject({
    state: "running",
    attention: "ONB-1 is not done yet: the runner sees no commit on the branch: commit, then try again.",
  });
  await report({ completion, commits: COMMITS });
  expect((await app.read("/api/completed-tickets")).tickets).toMatchObject([{ source: "file" }]);
});

test("The command /complete answers what is missing, and the session goes on", async () => {
  const { app, command, readSession, report } = await createCriteriaApp();
  expect(await command("All is done. Tests: 12 passed")).toEqual({
    decision: "block",
    reason: expect.stringMatching(/ONB-1 is not done yet: .*no commit.*no tests reported/),
  });
  expect(await readSession()).toMatchObject({ state: "running" });
  await report({ commits: COMMITS });
  expect(await command("All is done.\nTests: 12 passed")).toEqual({ decision: "block", reason: "Recorded" });
  expect((await app.read("/api/completed-tickets")).tickets).toMatchObject([{ source: "command" }]);
});

test("Where the repository names a test command, its end counts and not what the session says", async () => {
  const { app, item, callTool, readSession, report } = await createCriteriaApp({ hasCommand: true });
  await report({ commits: COMMITS });
  expect(await callTool({ tests: "12 passed" })).toEqual({
    status: 409,
    text: expect.stringContaining("the runner runs its test command now"),
  });
  const id = (await report({ commits: COMMITS })) ?? "";
  const failed = { id, commit: COMMITS[0]?.id ?? "", problem: "Test command: exit code 1" };
  expect(await report({ commits: COMMITS, tests: failed })).toBeUndefined();
  const problem = "the test command npm test did not pass on a1b2c3d4: Test command: exit code 1";
  expect(await readSession()).toMatchObject({ state: "running", attention: expect.stringContaining(problem) });
  // Saying it again does not run the tests again; a commit does.
  expect(await callTool({ tests: "12 passed" })).toEqual({ status: 409, text: expect.stringContaining(problem) });
  expect(await report({ commits: OTHER_COMMITS, tests: failed })).toBeUndefined();
  expect(await readSession()).not.toHaveProperty("attention");
  expect((await callTool({ tests: "12 passed" })).text).toContain("runs its test command now");
  const next = (await report({ commits: OTHER_COMMITS, tests: failed })) ?? "";
  expect(next).not.toBe(id);
  await report({ commits: OTHER_COMMITS, tests: { id: next, commit: OTHER_COMMITS[0]?.id ?? "" } });
  expect((await app.call("/api/update-plane/ONB-1")).json).toMatchObject({ status: "updated" });
  expect(app.readComments(item).at(-1)).toContain("Tests: passed, run by the ticket runner");
});

test("A person completes a ticket whose session has ended: the runner still runs the tests, once", async () => {
  const { app, complete, readSession, report } = await createCriteriaApp({ hasCommand: true });
  const ended = { commits: COMMITS, state: "ended", exit: { reason: "exited", status: 0 } } as const;
  await report(ended);
  expect((await complete("All is done")).json).toEqual({ ticket_id: "ONB-1", state: "waiting", waits_for: "tests" });
  expect((await complete("Once more")).json).toMatchObject({ waits_for: "tests" });
  const id = (await report(ended)) ?? "";
  expect(await report(ended)).toBe(id);
  await report({ ...ended, tests: { id, problem: "Test command: no end within 600 s" } });
  expect(await readSession()).toMatchObject({ attention: expect.stringContaining("no end within 600 s") });
  // A person may want another run of the same commit.
  await complete("All is done");
  const next = (await report(ended)) ?? "";
  await report({ ...ended, tests: { id: next } });
  expect((await app.read("/api/completed-tickets")).tickets).toMatchObject([{ summary: "All is done" }]);
});
