import { expect, test } from "vitest";
import { createProvisionSetup } from "./provision-setup.ts";

test("provision waits as long as a 429 requires, and continues", async () => {
  const setup = await createProvisionSetup();
  setup.plane.faults.add({ path: "/invitations/" }, { kind: "rate limited", retryAfter: 30 }, 2);
  const { exit, err } = await setup.provisionWithReport();
  expect(exit).toBe(0);
  expect(setup.waits.filter((ms) => ms === 30_000)).toHaveLength(2);
  expect(err).toContain("waiting 30 s before the next request to Plane");
});

test("provision fails a step when a 429 requires too long a wait, and reports how long", async () => {
  const setup = await createProvisionSetup();
  setup.plane.faults.add({ method: "POST", path: "/api/workspaces/" }, { kind: "rate limited", retryAfter: 900 });
  expect((await setup.provisionWithReport()).detail("workspace")).toContain(
    "it asks to wait 900 s. Run the same command again after that",
  );
});

test("provision stays within Plane's limit of 60 requests a minute with ten agents", async () => {
  const setup = await createProvisionSetup({ config: false, rateLimit: 60 });
  expect((await setup.provisionWithReport()).failed).toEqual([]);
  expect(setup.plane.ledger.requests.filter(({ status }) => status === 429)).toEqual([]);
  expect(setup.waits).toEqual([]);
});

test("a plan and a run together stay within Plane's limit of 30 requests a minute without a sign-in", async () => {
  const setup = await createProvisionSetup({ config: false });
  let anonymous = 0;
  const fetch: typeof globalThis.fetch = async (input, init) => {
    if (/^\/(api\/instances|auth\/get-csrf-token)\/$/.test(new URL(String(input)).pathname)) anonymous += 1;
    return globalThis.fetch(input, init);
  };
  expect((await setup.provisionWithReport(["--dry-run"], { fetch })).failed).toEqual([]);
  expect((await setup.provisionWithReport(["--yes"], { fetch })).failed).toEqual([]);
  expect(anonymous).toBeGreaterThan(11);
  expect(anonymous).toBeLessThanOrEqual(30);
});

test("provision repeats a read that got no answer, but not a write", async () => {
  const setup = await createProvisionSetup();
  setup.plane.faults.add({ method: "GET", path: "/api/workspaces/javisi/invitations/" }, { kind: "drop" }, 2);
  expect((await setup.provisionWithReport()).failed).toEqual([]);
  expect(setup.waits).toEqual([1_000, 3_000]);
  const second = await createProvisionSetup();
  second.plane.faults.add({ method: "POST", path: "/api/users/api-tokens/" }, { kind: "drop" }, 1);
  expect((await second.provisionWithReport()).failed.map(({ name }) => name)).toContain("groundcrew's API key");
  expect(second.plane.ledger.requests.filter(({ status }) => status === 0)).toHaveLength(1);
});

test("a failed read is not cached, so only the step that made it fails", async () => {
  const setup = await createProvisionSetup();
  await setup.provision();
  setup.plane.faults.add({ method: "GET", path: "/api/workspaces/javisi/members/" }, { kind: "drop" }, 3);
  const { failed } = await setup.provisionWithReport(["--dry-run"]);
  expect(failed.map(({ name }) => name)).not.toContain("account Thot");
  expect(failed.map(({ name }) => name)).toContain("account Concierge");
});
