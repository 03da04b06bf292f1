import { expect, test } from "vitest";
import { createSession, createTicketsApp } from "../../functions/tickets/tickets-app.ts";
import { HTTP_ADMIN_TOKEN } from "../../support/http-test-app.ts";
import { createTempFolder, runCli } from "./cli-process.ts";

async function createTicketsCli() {
  const app = await createTicketsApp({}, { env: { ALLOW_TEST_TICKETS: "1" } });
  const env = { GROUNDCREW_URL: app.url, ADMIN_TOKEN: HTTP_ADMIN_TOKEN };
  const cwd = createTempFolder();
  const run = (args: string[], options: { stdin?: string; env?: Record<string, string> } = {}) =>
    runCli(["tickets", ...args], { cwd, env, ...options });
  return { app, run };
}

test("groundcrew tickets adds, approves, completes and updates a ticket, as their two scripts did", async () => {
  const { app, run } = await createTicketsCli();
  const item = app.addTask("Real title");
  await app.runFirstPoll();
  await app.call("/api/reject/ONB-1");
  const ids = ["--id", "ONB-1", "--uuid", item.id, "--project_id", app.onb.id];
  const added = await run(["add", ...ids, "--title", "Test it", "--description", "-"], { stdin: "All of it" });
  expect(added).toMatchObject({ exit: 0, out: expect.stringContaining("Test it") });
  expect((await run(["list", "--json"])).out).toContain('"id":"ONB-1"');
  expect(await run(["approve", "ONB-1"])).toMatchObject({ exit: 0, out: expect.stringContaining("session_id") });
  await app.exchange();
  await app.exchange([createSession({ ticket: "ONB-1" })]);
  expect((await run(["sessions"])).out).toContain("state: running");
  expect((await run(["complete", "ONB-1", "--summary", "Done it"])).exit).toBe(0);
  expect((await run(["update", "ONB-1", "--json"])).out).toContain('"status":"success"');
  expect(app.readComments(item).join()).toContain("Done it");
});

test("groundcrew tickets without a token says which one it needs, and exits with 77", async () => {
  const { app, run } = await createTicketsCli();
  const answer = await run(["list"], { env: { GROUNDCREW_URL: app.url } });
  expect(answer).toMatchObject({ exit: 77, err: expect.stringContaining("ADMIN_TOKEN") });
});

test("groundcrew tickets refuses a token among its arguments", async () => {
  const { run } = await createTicketsCli();
  expect(await run(["list", HTTP_ADMIN_TOKEN])).toMatchObject({ exit: 77 });
});

test("groundcrew tickets with an unknown command suggests one", async () => {
  const { run } = await createTicketsCli();
  expect(await run(["aprove", "ONB-1"])).toMatchObject({ exit: 2, err: expect.stringContaining("approve") });
});

test("groundcrew tickets --help lists its commands", async () => {
  const { run } = await createTicketsCli();
  expect(await run(["--help"])).toMatchObject({ exit: 0, out: expect.stringContaining("approve") });
});
