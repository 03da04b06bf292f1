import { describe, expect, test } from "vitest";
import { createComposeRig } from "./compose-rig.ts";

const FULL = process.env["FULL"] !== undefined;
/** Limit of a test with two whole upgrades, in milliseconds: many of them run at once on a busy machine. */
const KILL_TEST_LIMIT = 180_000;
const UPGRADE = ["upgrade", "--from", "2026.2.23", "--to", "2026.2.26", "--json"];

/** Calls of docker in a whole upgrade between these versions; the first test checks the number. */
const CALLS = 43;

/** A kill before and after the effect of every call of docker. */
const ALL_KILLS = Array.from({ length: CALLS }, (_, i) => [`kill-before ${i + 1}`, `kill-after ${i + 1}`]).flat();
/** Without FULL: after the backup was written, and after the new version was started. */
const CONTINUED_KILLS = FULL ? ALL_KILLS : ["kill-after 23"];
const REVERTED_KILLS = FULL ? ALL_KILLS : ["kill-after 24"];

async function killUpgrade(kill: string) {
  const rig = await createComposeRig();
  const before = rig.snapshotInstallation();
  const [file = "", call = ""] = kill.split(" ");
  rig.put(file, call);
  const killed = await rig.spawn(...UPGRADE);
  // The stand-in removes the file when it has killed the command.
  const isKilled = rig.read(file) === undefined;
  expect([isKilled, killed.out]).toEqual([true, ""]);
  return { rig, before };
}

describe("groundcrew openclaw after kill -9", () => {
  test("UPG: the number of docker's calls in an upgrade is the number of kills", async () => {
    const rig = await createComposeRig();
    await rig.run(...UPGRADE);
    expect(rig.readCalls()).toHaveLength(CALLS);
  });

  test.each(CONTINUED_KILLS)(
    "UPG: the same command continues to the same end after %s",
    { timeout: KILL_TEST_LIMIT },
    async (kill) => {
      const { rig } = await killUpgrade(kill);
      const result = await rig.run(...UPGRADE);
      expect([result.exit, JSON.parse(result.out).state], result.err).toEqual([0, "completed"]);
      expect([rig.read("running"), rig.readRecord().state]).toEqual(["2026.2.26\n", "completed"]);
      expect(rig.read("root/home/node/.openclaw/memory.txt")).toBe("what the agents know");
      expect(new Set(rig.read("root/home/node/.openclaw/limits")?.trim().split("\n")).size).toBe(4);
    },
  );

  test.each(REVERTED_KILLS)(
    "UPG: rollback restores what was there after %s",
    { timeout: KILL_TEST_LIMIT },
    async (kill) => {
      const { rig, before } = await killUpgrade(kill);
      const result = await rig.run("rollback", "--json");
      expect(result.exit, result.err).toBe(0);
      expect(["rolled_back", "refused"]).toContain(JSON.parse(result.out).state);
      expect(rig.read("running")?.trim()).toBe("2026.2.23");
      rig.remove("root/home/node/.openclaw/opened");
      expect(rig.snapshotInstallation()).toEqual(before);
    },
  );

  // A rollback calls docker to stop, to restore and to start.
  test.skipIf(!FULL).each([1, 2, 3].flatMap((call) => [["kill-before", call] as const, ["kill-after", call] as const]))(
    "UPG: a rollback that %s of its call %i can be repeated, and an upgrade is refused before",
    async (kill, call) => {
      const rig = await createComposeRig();
      const before = rig.snapshotInstallation();
      await rig.run(...UPGRADE);
      rig.put(kill, String(rig.readCalls().length + call));
      expect((await rig.spawn("rollback", "--json")).out).toBe("");
      expect(rig.read(kill)).toBeUndefined();
      const refused = await rig.run(...UPGRADE);
      expect([refused.exit, JSON.parse(refused.out).error.message]).toEqual([
        1,
        "The rollback to 2026.2.23 is not finished. Run `groundcrew openclaw rollback` first.",
      ]);
      const result = await rig.run("rollback", "--json");
      expect(result.exit, result.err).toBe(0);
      rig.remove("root/home/node/.openclaw/opened");
      expect(rig.snapshotInstallation()).toEqual(before);
    },
  );

  test("UPG: a second run is refused while one is running", async () => {
    const rig = await createComposeRig();
    rig.put("block", "3");
    const first = rig.spawn(...UPGRADE);
    await expect.poll(() => rig.readCalls().length, { timeout: 20_000 }).toBe(3);
    const second = await rig.run(...UPGRADE);
    expect([second.exit, second.err]).toEqual([75, expect.stringContaining("Another upgrade or rollback")]);
    expect((await rig.run("rollback")).exit).toBe(75);
    rig.remove("block");
    expect((await first).exit).toBe(0);
  });
});
