import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import {
  ROLLBACK_LIMIT,
  ROLLBACK_TIMEOUTS,
  runRollbackSteps,
  runUpgradeSteps,
} from "../../../runtime/openclaw-upgrade/upgrade-steps.ts";
import type { Ms } from "../../../shared/time.ts";
import { createUpgrade, FROM, RECORD, TO } from "./upgrade-rig.ts";

const hang = () => new Promise<never>(() => {});

describe("The time of a rollback", () => {
  test("UPG: the timeouts of all steps add up to less than 2 minutes", () => {
    const sum = Object.values(ROLLBACK_TIMEOUTS).reduce((total, ms) => total + ms, 0);
    expect(ROLLBACK_LIMIT).toBe(120_000);
    expect(sum).toBeLessThan(ROLLBACK_LIMIT);
  });

  test.each(["stop", "restore", "start"] as const)(
    "UPG: a driver that hangs in %s is given up in time",
    async (name) => {
      const upgrade = createUpgrade({ [name]: hang });
      const archive = join(upgrade.folder, "state.tar.gz");
      writeFileSync(archive, "");
      const sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
      const deploy = { name: "deploy", status: "done" as const, startedAt: 0, findings: [] };
      const record = { ...RECORD, steps: [deploy], backup: { archive, sha256, bytes: 0, ms: 1 } };
      const ended = await runRollbackSteps(upgrade.context, record);
      expect(ended.state).toBe("rollback_failed");
      expect(ended.rollbackSteps.at(-1)).toMatchObject({
        name,
        problem: `no end within ${ROLLBACK_TIMEOUTS[name] / 1_000} s`,
      });
      expect(upgrade.getElapsed()).toBeLessThan(ROLLBACK_LIMIT);
    },
  );

  test("UPG: a rollback in which each step takes all of its time ends within 2 minutes", async () => {
    const upgrade = createUpgrade();
    const spend = (name: keyof typeof ROLLBACK_TIMEOUTS) => async (timeout: Ms) => {
      expect(timeout).toBeLessThanOrEqual(ROLLBACK_TIMEOUTS[name]);
      upgrade.advance(timeout - 3_000);
    };
    Object.assign(upgrade.context.driver, { stop: spend("stop"), start: spend("start") });
    const ended = await runRollbackSteps(upgrade.context, RECORD);
    expect(ended.state).toBe("rolled_back");
    expect(upgrade.getElapsed()).toBeGreaterThan(60_000);
    expect(upgrade.getElapsed()).toBeLessThan(ROLLBACK_LIMIT);
  });

  test("UPG: an old version whose gateway never answers ends the rollback in time, for a person to look", async () => {
    const upgrade = createUpgrade({}, () => false);
    const ended = await runRollbackSteps(upgrade.context, RECORD);
    expect(ended.state).toBe("rollback_failed");
    expect(ended.rollbackSteps.at(-1)?.findings).toMatchObject([{ name: "gateway", status: "failed" }]);
    expect(upgrade.getElapsed()).toBeLessThan(ROLLBACK_LIMIT);
  });

  test("UPG: a new version whose gateway never answers is rolled back", async () => {
    let isNew = false;
    const upgrade = createUpgrade(
      {
        pin: (version) => {
          isNew = version === TO;
        },
      },
      () => !isNew,
    );
    const done = ["check", "fetch", "scan", "baseline", "backup"].map((name) => ({
      ...{ name, status: "done" as const, startedAt: 0, findings: [] },
    }));
    Object.assign(upgrade.context.driver, {
      readPinned: () => (isNew ? TO : FROM),
      readFile: async () => "{}",
    });
    const ended = await runUpgradeSteps(upgrade.context, { ...RECORD, steps: done });
    expect([ended.state, ended.steps.at(-1)?.name]).toEqual(["rolled_back", "deploy"]);
  });

  test("UPG: a state whose backup takes longer than a restore may take is not upgraded", async () => {
    const upgrade = createUpgrade();
    Object.assign(upgrade.context.driver, {
      readPinned: () => FROM,
      backUp: async () => void upgrade.advance(ROLLBACK_TIMEOUTS.restore + 1),
    });
    const done = ["check", "fetch", "scan", "baseline"].map((name) => ({
      ...{ name, status: "done" as const, startedAt: 0, findings: [] },
    }));
    const ended = await runUpgradeSteps(upgrade.context, { ...RECORD, steps: done });
    expect(ended.state).toBe("rolled_back");
    expect(ended.steps.at(-1)?.problem).toContain("Move large files out of state and workspaces");
    expect(upgrade.given.map(([name]) => name)).toEqual(["stop", "stop", "start"]);
  });
});
