import { expect, test } from "vitest";
import { createSchedulesApp } from "../../functions/schedules-app.ts";
import { createSession, createTicketsApp } from "../../functions/tickets/tickets-app.ts";
import { HTTP_ADMIN_TOKEN } from "../../support/http-test-app.ts";
import { runCliHere } from "../../support/program.ts";
import { createTestFolder } from "../../support/test-folder.ts";

async function createTicketsCli() {
  const app = await createTicketsApp({}, { env: { ALLOW_TEST_TICKETS: "1" } });
  const env = { GROUNDCREW_URL: app.url, ADMIN_TOKEN: HTTP_ADMIN_TOKEN };
  const cwd = createTestFolder();
  const run = (args: string[], options: { stdin?: string; env?: Record<string, string> } = {}) =>
    runCliHere(["tickets", ...args], { cwd, env, ...options });
  return { app, run };
}

test("groundcrew tickets adds, approves, completes and updates a ticket, as their two scripts did", async () => {
  const { app, run } = await createTicketsCli();
  const item = app.addTask("Real title");
  await app.runFirstPoll();
  await app.call("/api/reject/ONB-1");
  const ids = ["--id", "ONB-1", "--uuid", item.id, "--project_id", app.onb.id];
  const fields = ["--title", "Test it", "--description", "-", "--created-at", "2026-02-28T10:00:00Z"];
  const added = await run(["add", ...ids, ...fields], { stdin: "All of it" });
  expect(added).toMatchObject({ exit: 0, out: expect.stringContaining("Test it") });
  expect((await run(["list", "--json"])).out).toContain('"id":"ONB-1"');
  expect(await run(["approve", "ONB-1"])).toMatchObject({ exit: 0, out: expect.stringContaining("session_id") });
  await app.exchange();
  await app.exchange([createSession({ ticket: "ONB-1" })]);
  expect((await run(["sessions"])).out).toContain("state: running");
  expect((await run(["complete", "ONB-1", "--summary", "Done it"])).exit).toBe(0);
  expect((await run(["update", "ONB-1", "--json"])).out).toContain('"status":"updated"');
  expect(app.readComments(item).join()).toContain("Done it");
});

test("groundcrew tickets says what is wrong, with an exit code for each kind, and as one JSON document where asked", async () => {
  const { app, run } = await createTicketsCli();
  const away = { GROUNDCREW_URL: "http://127.0.0.1:2", ADMIN_TOKEN: HTTP_ADMIN_TOKEN };
  const rows: [string, number, RegExp, Record<string, string>?][] = [
    ["list", 75, /cannot be reached: ECONNREFUSED\. Check GROUNDCREW_URL/, away],
    ["list", 2, /Set GROUNDCREW_URL/, { ADMIN_TOKEN: HTTP_ADMIN_TOKEN }],
    [
      "list",
      77,
      /The token is unknown: send ADMIN_TOKEN/,
      { ...away, GROUNDCREW_URL: app.url, ADMIN_TOKEN: "nobody's" },
    ],
    ["approve ONB-99", 1, /There is no ticket ONB-99/],
    ["approve ONB", 1, /"ONB" is not the key of a ticket, such as ONB-12/],
    ["approve", 2, /groundcrew tickets approve needs --task/],
    ["approve ONB-1 --hsh x", 2, /no option --hsh\. Did you mean --hash/],
    ["aprove ONB-1", 2, /Unknown command aprove\. Did you mean approve/],
  ];
  const answers = await Promise.all(
    rows.map(([args, , , env]) => run([...args.split(" "), "--json"], env === undefined ? {} : { env })),
  );
  for (const [n, [args, exit, message]] of rows.entries()) {
    const { out, err, ...answer } = answers[n] ?? { out: "", err: "" };
    expect.soft({ out, ...answer }, args).toMatchObject({ exit, out: "" });
    const error = { code: expect.any(String), message: expect.stringMatching(message) };
    expect.soft(JSON.parse(err), args).toEqual({ error });
  }
});

test("RECUR-02 groundcrew schedules lists recurring work of both kinds with its next ten times", async () => {
  const app = await createSchedulesApp();
  await app.send("POST", "/api/schedules", { when: "every monday 9:00", project: "ONB", title: "Review" });
  const env = { GROUNDCREW_URL: app.url, ADMIN_TOKEN: HTTP_ADMIN_TOKEN };
  const { exit, out } = await runCliHere(["schedules"], { cwd: createTestFolder(), env });
  expect(exit).toBe(0);
  expect(out).toContain("name: backup-check");
  expect(out).toContain("origin: settings");
  expect(out).toContain("name: Review");
  expect(out).toContain("text: every Monday at 9:00");
  expect(out).toContain("origin: plane");
  for (const time of ["2026-11-22", "2026-11-30", "2026-11-23", "2027-01-25"])
    expect(out).toContain(`${time}T09:00:00`);
  const upcoming = out.slice(out.indexOf("upcoming (10):"));
  const checks = (count: number) => Array.from({ length: count }, () => "backup-check");
  const names = [...upcoming.matchAll(/name: (.*)/g)].map(([, name]) => name);
  expect(names).toEqual([...checks(3), "Review", ...checks(6)]);
  for (const time of ["2026-12-01", "2027-02-01"]) expect(out).not.toContain(time);
});
