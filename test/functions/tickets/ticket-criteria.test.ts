import { expect, test } from "vitest";
import { createSession, createTicketsApp } from "./tickets-app.ts";

const COMMITS = [{ id: "a1b2c3d4e5f6a1b2c3d4e5f6a1b2c3d4e5f6a1b2", subject: "feat: it" }];
const OTHER_COMMITS = [{ id: "b1b2c3d4e5f6a1b2c3d4e5f6a1b2c3d4e5f6a1b2", subject: "fix: it" }, ...COMMITS];

/** A ticket that requires a commit and tests, whose session runs. */
async function createCriteriaApp(settings = {}) {
  const app = await createTicketsApp(settings);
  const item = await app.requestTicket("Build it", { description_html: "<p>Done when: commit, tests</p>" });
  const token = await app.runSession();
  return {
    ...{ app, item, token },
    /** Exchanges as the runner and returns the id of the test run that Groundcrew wants. */
    report: async (change: Parameters<typeof createSession>[0] = {}) =>
      (await app.exchange([createSession(change)])).test[0]?.id,
  };
}

test("OPENCLAW-18 A person completes a ticket when the branch has a commit and the summary reports tests that passed", async () => {
  const { app, report } = await createCriteriaApp();
  const message = expect.stringMatching(/no commit on the branch: .*; no tests reported: .*Tests: 12/);
  expect(await app.complete()).toMatchObject({ status: 409, json: { error: { message } } });
  await report({ commits: COMMITS });
  expect((await app.complete("All is done\n\nTests: 3 failed, 9 passed")).json.error.message).toContain("some failed");
  const json = { ticket_id: "ONB-1", state: "completed" };
  expect(await app.complete("All is done\n\nTests: 12 passed")).toEqual({ status: 200, json });
  expect((await app.read("/api/completed-tickets")).tickets).toMatchObject([{ source: "person" }]);
});

test("Where the repository names a test command, its end counts and not what the session says", async () => {
  const repository = { path: "/srv/onb", test_command: "npm test" };
  const { app, item, token, report } = await createCriteriaApp({ repositories: { ONB: repository } });
  const callTool = (input: object) =>
    app.callAsSession(token, "update_task_status", { task: "ONB-1", status: "done", text: "All is done", ...input });
  await report({ commits: COMMITS });
  const running = expect.stringContaining("the runner runs its test command now");
  expect(await callTool({ tests: "12 passed" })).toEqual({ status: 409, text: running });
  const id = (await report({ commits: COMMITS })) ?? "";
  const failed = { id, commit: COMMITS[0]?.id ?? "", problem: "Test command: exit code 1" };
  expect(await report({ commits: COMMITS, tests: failed })).toBeUndefined();
  const problem = "the test command npm test did not pass on a1b2c3d4: Test command: exit code 1";
  expect(await app.readSession()).toMatchObject({ state: "running", attention: expect.stringContaining(problem) });
  // Saying it again does not run the tests again; a commit does.
  expect(await callTool({ tests: "12 passed" })).toEqual({ status: 409, text: expect.stringContaining(problem) });
  expect(await report({ commits: OTHER_COMMITS, tests: failed })).toBeUndefined();
  expect(await app.readSession()).not.toHaveProperty("attention");
  expect((await callTool({ tests: "12 passed" })).text).toContain("runs its test command now");
  const next = (await report({ commits: OTHER_COMMITS, tests: failed })) ?? "";
  expect(next).not.toBe(id);
  await report({ commits: OTHER_COMMITS, tests: { id: next, commit: OTHER_COMMITS[0]?.id ?? "" } });
  expect((await app.call("/api/update-plane/ONB-1")).json).toMatchObject({ status: "updated" });
  expect(app.readComments(item).at(-1)).toContain("Tests: passed, run by the ticket runner");
});
