import { appendFileSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { writeScripts } from "../../support/test-folder.ts";
import { createComposeRig, ENV_SECRET, expectEnd, HOOK_TOKEN, MODEL_KEY } from "./compose-rig.ts";

const FULL = process.env["FULL"] !== undefined;
const IMAGE = "ghcr.io/openclaw/openclaw";
const UPGRADE = ["upgrade", "--from", "2026.2.23", "--to", "2026.2.26", "--json"];
/** Calls of docker in a whole upgrade between these versions; the first test checks the number. */
const CALLS = 48;

describe("groundcrew openclaw upgrade with Docker Compose", () => {
  test("UPG-01..15: an upgrade pulls, backs up, pins, limits, starts and tests, and a second run changes nothing", async () => {
    const rig = await createComposeRig();
    const answer = expectEnd(await rig.spawn(...UPGRADE), 0, "completed");
    expect(answer.changed).toBe(4);
    expect(readFileSync(rig.envFile, "utf8")).toBe(
      `# Kept as it is.\nPOSTGRES_PASSWORD=${ENV_SECRET}\nOPENCLAW_IMAGE=${IMAGE}:2026.2.26\nOTHER="a b"\n`,
    );
    expect(statSync(rig.envFile).mode & 0o777).toBe(0o640);
    expect(rig.read("running")).toBe("2026.2.26\n");
    expect(rig.countWakes()).toBe(2);
    const calls = rig.readCalls();
    expect(calls).toHaveLength(CALLS);
    const findCall = (part: string) => calls.findIndex((call) => call.includes(part));
    // The call of tar is the rehearsal of the backup.
    const order = [`pull --quiet ${IMAGE}:2026.2.26`, "entrypoint tar", " stop ", " up ", "config set"].map(findCall);
    expect(order).toEqual(order.toSorted((a, b) => a - b));
    expect(order).not.toContain(-1);
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

  test("UPG: a full disk and one that is too small are found while the old version runs, which goes on", async () => {
    const rig = await createComposeRig();
    const before = rig.snapshotInstallation();
    const expectRefused = async (reason: string) => {
      const { steps } = expectEnd(await rig.run(...UPGRADE), 1, "refused");
      expect(JSON.stringify(steps.at(-1))).toContain(reason);
      expect(rig.read("running")).toBe("2026.2.23");
      expect(rig.readCalls().filter((call) => call.includes(" stop "))).toEqual([]);
      expect(rig.snapshotInstallation()).toEqual(before);
      expect(readdirSync(rig.records, { recursive: true }).join()).not.toContain("partial");
    };
    rig.put("full", "1");
    await expectRefused("No space left on device");
    rig.remove("full");
    rig.put("free", "1 4096 100000 200000");
    await expectRefused("a rollback needs");
  });

  test("UPG: a disk that fills up after the stop brings the old version back, and leaves no half archive", async () => {
    const rig = await createComposeRig();
    rig.put("full", "2");
    expectEnd(await rig.run(...UPGRADE), 1, "rolled_back");
    expect(rig.read("running")).toBe("2026.2.23\n");
    expect(rig.read("root/home/node/.openclaw/memory.txt")).toBe("what the agents know");
    expect(readdirSync(rig.records, { recursive: true }).join()).not.toContain("tar");
  });

  test.skipIf(!FULL)("UPG: a flaky model is asked three times before the new version counts as broken", async () => {
    const rig = await createComposeRig();
    rig.put("flaky-2026.2.26", "2");
    expectEnd(await rig.run(...UPGRADE), 0, "completed");
    const worse = await createComposeRig();
    worse.put("flaky-2026.2.26", "3");
    expectEnd(await worse.run(...UPGRADE), 1, "rolled_back");
  });

  test("UPG: a scan of an image with thousands of vulnerabilities is read whole, and the new ones are named", async () => {
    const rig = await createComposeRig();
    const putScan = (version: string, last: string) => {
      const known = Array.from({ length: 12_000 }, (_, i) => ({
        ...{ VulnerabilityID: `CVE-2025-${i}`, PkgName: "libc6", Severity: "LOW", Description: "x".repeat(400) },
      }));
      const found = [...known, { VulnerabilityID: last, PkgName: "openssl", Severity: "HIGH" }];
      const scan = JSON.stringify({ Results: [{ Target: "debian", Vulnerabilities: found }] });
      expect(scan.length).toBeGreaterThan(5 * 2 ** 20);
      rig.put(`scan-${version}`, scan);
    };
    putScan("2026.2.23", "CVE-2024-1");
    putScan("2026.2.26", "CVE-2026-1");
    writeScripts(join(rig.folder, "bin"), { trivy: 'cat "$DOCKER_STAND_IN/scan-$(echo "$7" | cut -d : -f 2)"' });
    // The upgrade ends after the scan, because this one is about that alone.
    rig.put("full", "1");
    const { steps } = JSON.parse((await rig.run(...UPGRADE)).out);
    expect(steps.find(({ name }: { name: string }) => name === "scan").findings).toEqual([
      { name: "image scan", status: "ok", detail: "1 new vulnerabilities, 1 gone, 12000 in both" },
      { name: "CVE-2026-1", status: "warning", detail: "high, in openssl" },
    ]);
  });

  test("UPG: a refused system call in the log rolls back, and the report contains it as data without secrets", async () => {
    const rig = await createComposeRig();
    const before = rig.snapshotInstallation();
    const line = `EPERM: chown \`\`\`\u001b[31m</details> key ${MODEL_KEY} db ${ENV_SECRET} hook ${HOOK_TOKEN}`;
    rig.put("log-2026.2.26", `fine\n${line}\n`);
    const result = await rig.run(...UPGRADE);
    const answer = JSON.parse(result.out);
    expect(answer.state).toBe("rolled_back");
    expect(rig.snapshotInstallation()).toEqual(before);
    const report = readFileSync(answer.report, "utf8");
    const cleaned = "EPERM: chown ``` [31m</details> key [secret] db [secret] hook [secret]";
    expect(report).toContain(`\n\`\`\`\`text\n${cleaned}\n\`\`\`\`\n`);
    for (const secret of [MODEL_KEY, ENV_SECRET, HOOK_TOKEN])
      expect(report + result.out + result.err).not.toContain(secret);
  });

  test("UPG: rollback brings a completed upgrade back, and once", async () => {
    const rig = await createComposeRig();
    const before = rig.snapshotInstallation();
    await rig.run(...UPGRADE);
    expect(rig.snapshotInstallation()).not.toEqual(before);
    // The image of the old version has a tag of its own.
    const kept = "groundcrew-rollback/openclaw:2026.2.23";
    expect(rig.readCalls()).toContainEqual(expect.stringContaining(`openclaw:2026.2.23 ${kept}`));
    expectEnd(await rig.run("rollback", "--json"), 0, "rolled_back");
    expect(rig.readCalls()).toContainEqual(expect.stringContaining(`tag ${kept} ${IMAGE}:2026.2.23`));
    expect(rig.snapshotInstallation()).toEqual(before);
    expect(JSON.parse((await rig.run("rollback", "--json")).out).changed).toBe(0);
  });

  test.skipIf(!FULL)("UPG: a backup that was changed, or is missing, is not restored", async () => {
    const rig = await createComposeRig();
    await rig.run(...UPGRADE);
    const { archive } = rig.readRecord().backup;
    appendFileSync(archive, "x");
    for (const reason of ["has changed since it was made", "is missing"]) {
      const { steps } = expectEnd(await rig.run("rollback", "--json"), 1, "rollback_failed");
      expect(steps.at(-1).problem).toBe(`the backup ${archive} ${reason}; the state was left alone`);
      rmSync(archive, { force: true });
    }
    expect(rig.read("root/home/node/.openclaw/memory.txt")).toBe("what the agents know");
  });
});

// What Docker 28.2 and the clients before and after it print.
const PROBLEMS: [file: string, text: string, cause: RegExp][] = [
  ["no-compose", "", /has no Compose plugin.*docker-compose-plugin/],
  ["no-daemon", "Cannot connect to the Docker daemon at unix:///var/run/docker.sock.", /systemctl start docker/],
  ["no-daemon", "permission denied while trying to connect to the Docker daemon socket", /may not use.*group docker/],
  ["no-daemon", "docker: 'compose' is not a docker command.\nSee 'docker --help'", /no Compose plugin/],
  ["no-daemon", 'service "openclaw-gateway" is not running', /is not running/],
  ["manifest-fails", "no such manifest: ghcr.io/openclaw/openclaw:2026.2.26", /new version.*no such manifest/],
];

test("UPG: where Docker does not work or the registry lacks the version, --check names the cause and changes nothing", async () => {
  const rig = await createComposeRig();
  const before = rig.snapshotAll();
  for (const [file, text, cause] of PROBLEMS) {
    rig.put(file, text);
    const result = await rig.run(...UPGRADE, "--check");
    expect(result.exit, text).toBe(1);
    expect(result.out).toMatch(cause);
    rig.remove(file);
  }
  rig.env["PATH"] = rig.world;
  expect((await rig.run(...UPGRADE, "--check")).out).toMatch(/the command docker is not installed.*Install Docker/);
  expect(rig.snapshotAll()).toEqual(before);
});

const VERSIONS = ["--from", "2026.2.23", "--to", "2026.2.26"];

test("UPG: with --json each error is one document of JSON on standard output, and changes nothing", async () => {
  const rig = await createComposeRig();
  const before = rig.snapshotAll();
  for (const [args, exit, message] of [
    [["upgrade", "--from", "2026.2.23", "--to", "../x"], 2, "whole version"],
    [["upgrade", "--config", "nowhere.json", ...VERSIONS], 78, "nowhere.json does not exist"],
    [["upgrade", "--from", "2026.2.20", "--to", "2026.2.26", "--dry-run"], 1, "2026.2.23 is pinned, not 2026.2.20"],
  ] as const) {
    const result = await rig.run(...args, "--json");
    const document = JSON.parse(result.out);
    const error = { code: expect.any(String), message: expect.stringContaining(message) };
    expect([result.exit, document]).toEqual([exit, { state: "error", changed: 0, error }]);
    expect(result.err).toContain(document.error.message.slice(0, 40));
  }
  expect(rig.snapshotAll()).toEqual(before);
  expect(JSON.parse((await rig.run("rollback", "--json")).out).error.message).toContain("no upgrade was made");
});

/** Limit of a test with two whole upgrades, in milliseconds: many of them run at once on a busy machine. */
const KILL_TEST_LIMIT = 180_000;

const ALL_KILLS = Array.from({ length: CALLS }, (_, i) => [`kill-before ${i + 1}`, `kill-after ${i + 1}`]).flat();
/** Without FULL: after the backup was written, and after the new version was started. */
const CONTINUED_KILLS = FULL ? ALL_KILLS : ["kill-after 27"];
const REVERTED_KILLS = FULL ? ALL_KILLS : ["kill-after 30"];

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

describe("groundcrew openclaw after kill -9", { timeout: KILL_TEST_LIMIT }, () => {
  test.each(CONTINUED_KILLS)("UPG: the same command continues to the same end after %s", async (kill) => {
    const { rig } = await killUpgrade(kill);
    expectEnd(await rig.run(...UPGRADE), 0, "completed");
    expect([rig.read("running"), rig.readRecord().state]).toEqual(["2026.2.26\n", "completed"]);
    expect(rig.read("root/home/node/.openclaw/memory.txt")).toBe("what the agents know");
    expect(new Set(rig.read("root/home/node/.openclaw/limits")?.trim().split("\n")).size).toBe(4);
  });

  test.each(REVERTED_KILLS)("UPG: rollback restores what was there after %s", async (kill) => {
    const { rig, before } = await killUpgrade(kill);
    const result = await rig.run("rollback", "--json");
    expect(result.exit, result.err).toBe(0);
    expect(["rolled_back", "refused"]).toContain(JSON.parse(result.out).state);
    expect(rig.read("running")?.trim()).toBe("2026.2.23");
    expect(rig.snapshotInstallation()).toEqual(before);
  });

  // A rollback calls docker to stop, three times to pin, to restore and to start.
  test
    .skipIf(!FULL)
    .each([1, 2, 3, 4, 5, 6].flatMap((call) => [["kill-before", call] as const, ["kill-after", call] as const]))(
    "UPG: a rollback that %s of its call %i can be repeated, and an upgrade is refused before",
    async (kill, call) => {
      const rig = await createComposeRig();
      const before = rig.snapshotInstallation();
      await rig.run(...UPGRADE);
      rig.put(kill, String(rig.readCalls().length + call));
      expect((await rig.spawn("rollback", "--json")).out).toBe("");
      expect(rig.read(kill)).toBeUndefined();
      const refused = await rig.run(...UPGRADE);
      const reason = "The rollback to 2026.2.23 is not finished. Run `groundcrew openclaw rollback` first.";
      expect([refused.exit, JSON.parse(refused.out).error.message]).toEqual([1, reason]);
      const result = await rig.run("rollback", "--json");
      expect(result.exit, result.err).toBe(0);
      expect(rig.snapshotInstallation()).toEqual(before);
    },
  );

  test.skipIf(!FULL).each([
    [1, "stop"],
    [2, "unpin"],
    [5, "restore"],
    [6, "start"],
  ] as const)(
    "UPG: a docker that hangs in a rollback's call %i is given up within 2 minutes, and the rollback can be repeated",
    async (call, name) => {
      const rig = await createComposeRig();
      const before = rig.snapshotInstallation();
      await rig.run(...UPGRADE);
      rig.put("block", String(rig.readCalls().length + call));
      const began = performance.now();
      const { state, steps } = JSON.parse((await rig.run("rollback", "--json")).out);
      expect(performance.now() - began).toBeLessThan(120_000);
      const failed = { name, problem: expect.stringContaining("no end within") };
      expect([state, steps.at(-1)]).toMatchObject(["rollback_failed", failed]);
      rig.remove("block");
      expect((await rig.run("rollback", "--json")).exit).toBe(0);
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
