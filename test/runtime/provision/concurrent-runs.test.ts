import { existsSync } from "node:fs";
import { expect, test } from "vitest";
import { GroundcrewError } from "../../../shared/errors.ts";
import { createProvisionSetup, type ProvisionSetup } from "../../functions/provision/provision-setup.ts";
import { createCommandFolder } from "./command-folder.ts";

/** Makes Plane stop answering from the first request for projects on. */
async function silencePlane(setup: ProvisionSetup) {
  setup.plane.faults.add({ path: "/projects/" }, { kind: "half-open" });
  return {
    waitUntilReached: () =>
      expect.poll(() => setup.plane.ledger.requests.some(({ status }) => status === 0), { timeout: 15_000 }).toBe(true),
  };
}

test("a second provision run at the same time does nothing and says what to do, and the first one is not disturbed", async () => {
  const setup = await createProvisionSetup();
  const { start, run, lock } = createCommandFolder(setup);
  const silence = await silencePlane(setup);
  const first = start(["--yes"]);
  await silence.waitUntilReached();
  const before = setup.plane.ledger.requests.length;
  const second = await run("--yes", "--json");
  expect(second.exit).toBe(1);
  expect(JSON.parse(second.out)).toEqual({
    steps: [],
    changed: 0,
    error: { code: "conflict", message: second.err.trim() },
  });
  expect(second.err).toContain(`Another provision is running (process ${first.child.pid}`);
  expect(setup.plane.ledger.requests).toHaveLength(before);
  first.child.kill("SIGKILL");
  await first.ended;
  expect(existsSync(lock)).toBe(true);
  setup.plane.faults.clear();
  expect((await run("--yes")).exit).toBe(0);
  expect(existsSync(lock)).toBe(false);
}, 60_000);

test.each([
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const)(
  "provision releases its lock when it is stopped by %s, and says how to continue",
  async (signal, code) => {
    const setup = await createProvisionSetup();
    const { start, lock } = createCommandFolder(setup);
    const silence = await silencePlane(setup);
    const run = start(["--yes"]);
    await silence.waitUntilReached();
    expect(existsSync(lock)).toBe(true);
    run.child.kill(signal);
    const { exit, err } = await run.ended;
    expect(exit).toBe(code);
    expect(err).toContain("Run the same command again: it continues where it stopped.");
    expect(existsSync(lock)).toBe(false);
  },
  60_000,
);

test("--dry-run takes no lock, and a run releases its lock even after a failure", async () => {
  const setup = await createProvisionSetup();
  const held = new GroundcrewError("conflict", "another run holds the lock");
  const refused = { lock: () => Promise.reject(held) };
  expect((await setup.provision(["--dry-run"], refused)).exit).toBe(0);
  expect(await setup.provision(["--yes"], refused)).toMatchObject({
    exit: 1,
    err: expect.stringContaining(held.message),
  });
  let released = 0;
  const release = () => {
    released += 1;
  };
  const lock = async () => ({ isHeld: () => true, release });
  expect((await setup.provision(["--yes"], { lock })).exit).toBe(0);
  setup.files.set("data/secrets.json", { text: "{ half", mode: 0o600 });
  expect((await setup.provision(["--yes"], { lock })).exit).toBe(78);
  setup.files.set("data/secrets.json", { text: "{}", mode: 0o600 });
  setup.files.set("data/provision-secrets.json", { text: "{ half", mode: 0o600 });
  expect((await setup.provision(["--yes"], { lock })).exit).toBe(78);
  expect(released).toBe(2);
});
