import { expect, test } from "vitest";
import { createSchedulesApp } from "../../functions/schedules-app.ts";
import { HTTP_ADMIN_TOKEN } from "../../support/http-test-app.ts";
import { runCliHere } from "../../support/program.ts";
import { createTestFolder } from "../../support/test-folder.ts";

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
