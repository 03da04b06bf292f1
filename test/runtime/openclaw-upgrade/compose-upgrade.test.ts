import { appendFileSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { createComposeRig, ENV_SECRET, HOOK_TOKEN, MODEL_KEY } from "./compose-rig.ts";

/** Variants of what the other tests show: each takes a second or two. */
const fullTest = test.skipIf(process.env["FULL"] === undefined);
const UPGRADE = ["upgrade", "--from", "2026.2.23", "--to", "2026.2.26", "--json"];

describe("groundcrew openclaw upgrade with Docker Compose", () => {
  test("UPG-01..15: an upgrade pulls, backs up, pins, limits, starts and tests, and a second run changes nothing", async () => {
    const rig = await createComposeRig();
    const result = await rig.spawn(...UPGRADE);
    const answer = JSON.parse(result.out);
    expect([result.exit, answer.state], result.err).toEqual([0, "completed"]);
    expect(answer.changed).toBe(4);
    expect(readFileSync(rig.envFile, "utf8")).toBe(
      `# Kept as it is.\nPOSTGRES_PASSWORD=${ENV_SECRET}\nOPENCLAW_IMAGE=ghcr.io/openclaw/openclaw:2026.2.26\nOTHER="a b"\n`,
    );
    expect(statSync(rig.envFile).mode & 0o777).toBe(0o640);
    expect(rig.read("running")).toBe("2026.2.26\n");
    expect(rig.countWakes()).toBe(2);
    const calls = rig.readCalls();
    const findCall = (part: string) => calls.findIndex((call) => call.includes(part));
    const order = [
      "pull --quiet ghcr.io/openclaw/openclaw:2026.2.26",
      " stop ",
      "entrypoint tar",
      " up ",
      "config set",
    ];
    expect(order.map(findCall)).toEqual(order.map(findCall).toSorted((a, b) => a - b));
    expect(order.map(findCall)).not.toContain(-1);
    expect(rig.read("root/home/node/.openclaw/limits")?.split("\n").sort()).toEqual([
      "",
      "agents.defaults.sandbox.docker.cpus 0.25",
      'agents.defaults.sandbox.docker.memory "256m"',
      "agents.defaults.subagents.maxConcurrent 5",
      "agents.defaults.subagents.runTimeoutSeconds 1800",
    ]);
    for (const path of [join(rig.records, "upgrade.json"), answer.report])
      expect(statSync(path).mode & 0o777).toBe(0o600);
    const report = readFileSync(answer.report, "utf8");
    expect(report).toContain("# OpenClaw 2026.2.23 → 2026.2.26");
    expect(report).toContain("## What broke\n\nNothing.");
    expect(report).toContain("neither trivy nor grype is installed");
    const again = await rig.run(...UPGRADE);
    expect(JSON.parse(again.out)).toEqual({ command: "upgrade", state: "nothing to do", changed: 0 });
  });

  test("UPG: groundcrew openclaw start and stop count what they changed", async () => {
    const rig = await createComposeRig();
    const countChanges = async (command: "start" | "stop") => {
      const { exit, out, err } = await rig.run(command, "--json");
      expect(exit, err).toBe(0);
      return JSON.parse(out).changed;
    };
    expect(await countChanges("stop")).toBe(1);
    expect(await countChanges("stop")).toBe(0);
    expect(await countChanges("start")).toBe(1);
    expect(await countChanges("start")).toBe(0);
  });

  test("UPG: --check and --dry-run change nothing, and --dry-run runs nothing", async () => {
    const rig = await createComposeRig();
    const before = rig.snapshotAll();
    const plan = await rig.run(...UPGRADE, "--dry-run");
    expect(JSON.parse(plan.out).plan).toContain("pin 2026.2.26");
    expect(rig.readCalls()).toEqual([]);
    const checked = await rig.run(...UPGRADE, "--check");
    expect([checked.exit, JSON.parse(checked.out).changed], checked.out).toEqual([0, 0]);
    expect(rig.readCalls().length).toBeGreaterThan(0);
    expect(rig.snapshotAll()).toEqual(before);
    expect(rig.countWakes()).toBe(0);
  });

  test("UPG: a container that checks refuse is not touched", async () => {
    const rig = await createComposeRig({ service: { cap_add: ["SYS_ADMIN"], user: "0:0" } });
    const before = rig.snapshotInstallation();
    const result = await rig.run(...UPGRADE);
    const answer = JSON.parse(result.out);
    expect([result.exit, answer.state]).toEqual([1, "refused"]);
    expect(rig.snapshotInstallation()).toEqual(before);
    expect(rig.readCalls().filter((call) => / (?:stop|up|run) |^pull/.test(call))).toEqual([]);
    expect(readFileSync(answer.report, "utf8")).toContain("SYS_ADMIN");
  });

  fullTest(
    "UPG: a version whose agent cannot run is rolled back with its state, and the report says what broke",
    async () => {
      const rig = await createComposeRig();
      const before = rig.snapshotInstallation();
      rig.put("turn-fails-2026.2.26", "");
      const result = await rig.run(...UPGRADE);
      const answer = JSON.parse(result.out);
      expect([result.exit, answer.state], result.err).toEqual([1, "rolled_back"]);
      expect(rig.read("running")).toBe("2026.2.23\n");
      rig.remove("root/home/node/.openclaw/opened");
      expect(rig.snapshotInstallation()).toEqual(before);
      expect(readFileSync(answer.report, "utf8")).toMatch(/## What broke\n\n- agent turn: `imhotep: .*no model/);
    },
  );

  fullTest("UPG: a failure that the old version has as well does not roll back", async () => {
    const rig = await createComposeRig();
    for (const version of ["2026.2.23", "2026.2.26"]) rig.put(`turn-fails-${version}`, "");
    const result = await rig.run(...UPGRADE);
    expect([result.exit, JSON.parse(result.out).state]).toEqual([0, "completed"]);
  });

  fullTest("UPG: what the container reached before and does not reach any more rolls back", async () => {
    const rig = await createComposeRig({ settings: { reach: { plane: "http://api:8000/", n8n: "n8n:5678" } } });
    rig.put("unreachable-n8n-2026.2.26", "");
    const result = await rig.run(...UPGRADE);
    const answer = JSON.parse(result.out);
    expect([result.exit, answer.state]).toEqual([1, "rolled_back"]);
    expect(readFileSync(answer.report, "utf8")).toMatch(/## What broke\n\n- reach n8n: `n8n:5678: ECONNREFUSED`/);
  });

  test("UPG: a refused system call in the log rolls back, and the report contains it as data without secrets", async () => {
    const rig = await createComposeRig();
    const line = `EPERM: chown \`\`\`\u001b[31m</details> key ${MODEL_KEY} db ${ENV_SECRET} hook ${HOOK_TOKEN}`;
    rig.put("log-2026.2.26", `fine\n${line}\n`);
    const result = await rig.run(...UPGRADE);
    const answer = JSON.parse(result.out);
    expect(answer.state).toBe("rolled_back");
    const report = readFileSync(answer.report, "utf8");
    expect(report).toContain(
      "\n````text\nEPERM: chown ``` [31m</details> key [secret] db [secret] hook [secret]\n````\n",
    );
    for (const secret of [MODEL_KEY, ENV_SECRET, HOOK_TOKEN])
      expect(report + result.out + result.err).not.toContain(secret);
  });

  test("UPG: rollback brings a completed upgrade back, and once", async () => {
    const rig = await createComposeRig();
    const before = rig.snapshotInstallation();
    await rig.run(...UPGRADE);
    expect(rig.snapshotInstallation()).not.toEqual(before);
    const result = await rig.run("rollback", "--json");
    expect([result.exit, JSON.parse(result.out).state], result.err).toEqual([0, "rolled_back"]);
    rig.remove("root/home/node/.openclaw/opened");
    expect(rig.snapshotInstallation()).toEqual(before);
    expect(JSON.parse((await rig.run("rollback", "--json")).out).changed).toBe(0);
  });

  fullTest("UPG: a backup that was changed is not restored", async () => {
    const rig = await createComposeRig();
    await rig.run(...UPGRADE);
    const { archive } = rig.readRecord().backup;
    appendFileSync(archive, "x");
    const result = await rig.run("rollback", "--json");
    expect([result.exit, JSON.parse(result.out).state]).toEqual([1, "rollback_failed"]);
    expect(rig.read("root/home/node/.openclaw/memory.txt")).toBe("what the agents know");
  });
});
