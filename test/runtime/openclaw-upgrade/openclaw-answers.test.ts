import { describe, expect, test } from "vitest";
import type { Finding } from "../../../functions/doctor/findings.ts";
import { parsePinnedValue } from "../../../functions/doctor/openclaw.ts";
import { parseOpenclawOptions } from "../../../runtime/cli/openclaw-command.ts";
import { checkDirectMessages } from "../../../runtime/openclaw-upgrade/openclaw-settings.ts";
import { ROLLBACK_STEPS } from "../../../runtime/openclaw-upgrade/run-upgrade.ts";
import { parseUpgradeSettings } from "../../../runtime/openclaw-upgrade/upgrade-driver.ts";
import { MINUTE } from "../../../shared/time.ts";
import { createComposeRig, PROCESS_STATUS, SERVICE } from "./compose-rig.ts";

const UPGRADE = ["upgrade", "--from", "2026.2.23", "--to", "2026.2.26", "--json"];
const listFailed = (findings: Finding[]) =>
  findings.filter(({ status }) => status === "failed").map(({ name, detail }) => `${name}: ${detail}`);

test("UPG: wrong processes and workspaces are found, and what the old version had as well does not roll back", async () => {
  const rig = await createComposeRig();
  const status = PROCESS_STATUS.replace("Uid:\t1000\t1000", "Uid:\t1000\t0").replace("Seccomp:\t2", "Seccomp:\t0");
  rig.put("status", status.replace("00000000000000c1", "00000000000020c1"));
  // Names may contain line ends.
  rig.put("find", "open:/workspace/a\0closed:/workspace/b\nopen:c\0");
  const { state, steps } = JSON.parse((await rig.run(...UPGRADE)).out);
  expect(listFailed(steps.find(({ name }: { name: string }) => name === "baseline").findings)).toEqual([
    "process users: not as 1000:1000: node",
    "process capabilities: more than CHOWN, SETGID and SETUID: node",
    "process seccomp: no filter: node",
    "workspace: its owner cannot use: /workspace/b open:c",
  ]);
  expect(state).toBe("completed");
});

test("UPG: a list of processes that cannot be read is a failure", async () => {
  const rig = await createComposeRig();
  rig.put("status", PROCESS_STATUS.replace(/^CapBnd.*\n/m, ""));
  const { steps } = JSON.parse((await rig.run(...UPGRADE)).out);
  expect(JSON.stringify(steps)).toContain("the status of a process cannot be read");
});

test("UPG: the timeouts of all steps of a rollback add up to less than 2 minutes", () => {
  expect(ROLLBACK_STEPS.reduce((total, { timeout }) => total + timeout, 0)).toBeLessThan(2 * MINUTE);
});

test.each([
  [{}, "warning"],
  [{ dmPolicy: "allowlist", allowFrom: [42] }, "ok"],
  [{ dmPolicy: "open" }, "failed"],
  [{ dmPolicy: "allowlist", allowFrom: ["*"] }, "failed"],
  [{ accounts: { team: { dmPolicy: "open" } }, dmPolicy: "allowlist", allowFrom: [42] }, "failed"],
  [{ accounts: { team: { dmPolicy: "allowlist", allowFrom: [42] } } }, "ok"],
])("UPG: who may write with %j is %s", (telegram, worst) => {
  const statuses = checkDirectMessages({ channels: { telegram } }).map(({ status }) => status);
  expect(["failed", "warning", "ok"].find((status) => statuses.includes(status as Finding["status"]))).toBe(worst);
});

const SOCKET = { type: "bind", source: "/var/run/docker.sock", target: "/var/run/docker.sock", read_only: false };

/** Changes of the Compose service, and the checks that fail with them. */
const SERVICES: [object, string[]][] = [
  [{}, []],
  [{ image: "openclaw:latest", cap_drop: undefined }, ["image", "capabilities", "new version"]],
  [
    {
      ...{ user: undefined, privileged: true, security_opt: ["seccomp:unconfined"] },
      ...{ networks: { sandbox: null, backend: null }, volumes: [{ target: "/home/node/.openclaw" }, SOCKET] },
    },
    ["user", "capabilities", "seccomp", "networks", "volumes", "Docker socket"],
  ],
];

test("UPG: a Compose service with more rights than it needs, or without its volumes, fails the checks of --check", async () => {
  const rig = await createComposeRig();
  for (const [change, problems] of SERVICES) {
    rig.put("config.json", { services: { "openclaw-gateway": { ...SERVICE, ...change } } });
    const { out } = await rig.run(...UPGRADE, "--check");
    const failed = (JSON.parse(out).findings as Finding[]).filter(({ status }) => status === "failed");
    expect([change, failed.map(({ name }) => name)]).toEqual([change, problems]);
  }
});

describe("Input of people", () => {
  test.each([
    [[], "The command is missing"],
    [["upgrade", "--to", "2026.9.6"], "--from is missing"],
    [["upgrade", "--from", "2026.2.26", "--to", "; rm -rf /"], "whole version such as 2026.2.26, not ; rm -rf /"],
    [["upgrade", "--from", "2026.2.26", "--to", "2026.9.6\n2026.9.6"], "whole version such as 2026.2.26"],
    [["upgrade", "--from", "2026.10.1", "--to", "2026.9.30"], "2026.9.30 is older than 2026.10.1"],
    [["upgrade", "--from", "2026.9.1", "--to", "2026.9.1-beta.2"], "2026.9.1-beta.2 is older than 2026.9.1"],
    [["upgrade", "--from=2026.2.26", "--to=2026.9.6", "--check", "--dry-run"], "either --check or --dry-run"],
    [["rollback", "--check"], "has no option --check"],
  ])("UPG: the arguments %j are refused: %s", (args, message) => {
    expect(() => parseOpenclawOptions(args)).toThrow(message);
  });

  test.each([
    [undefined, "does not exist. Write one, for example"],
    ['{"driver":"npm","agent":"imhotep"}', "prefix"],
    ['{"driver":"npm","agent":"--help","prefix":"/opt"}', "agent: must be a name"],
    ['{"driver":"compose","agent":"a","folder":"/srv","reach":{"plane":"api"}}', "must be a URL, or host:port"],
    ['{"driver":"compose","agent":"a","folder":"/srv","limits":{"memory":"lots"}}', "must be like"],
  ])("UPG: the settings %s are refused with %s", (text, message) => {
    const settings = parseUpgradeSettings("x.json", text);
    expect("problem" in settings ? settings.problem : "").toContain(message);
  });

  test("UPG: a pinned value keeps registry, port and variant, and neither latest nor a digest is a version", () => {
    const parts = { before: "reg.test:5000/openclaw:", version: "2026.7.1-2", after: "-slim" };
    expect(parsePinnedValue("reg.test:5000/openclaw:2026.7.1-2-slim")).toEqual(parts);
    expect(parsePinnedValue("2026.9.1-beta.1")?.version).toBe("2026.9.1-beta.1");
    for (const text of ["openclaw:latest", "openclaw@sha256:0123", "openclaw:2026.9.6@sha256:0123", ""])
      expect(parsePinnedValue(text)).toBeUndefined();
  });
});
