import { describe, expect, test } from "vitest";
import { describeDockerFailure } from "../../../runtime/openclaw-upgrade/compose-driver.ts";
import { createComposeRig } from "./compose-rig.ts";

const UPGRADE = ["upgrade", "--from", "2026.2.23", "--to", "2026.2.26", "--json"];
type Rig = Awaited<ReturnType<typeof createComposeRig>>;

const NO_DAEMON = "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?";
const NOT_ALLOWED =
  "permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock: Get ...";

const PROBLEMS: [string, (rig: Rig) => void, RegExp, RegExp][] = [
  [
    "no docker",
    (rig) => {
      rig.env.PATH = rig.world;
    },
    /^the command docker is not installed/,
    /^Install Docker with its Compose plugin/,
  ],
  ["no Compose plugin", (rig) => rig.put("no-compose", ""), /has no Compose plugin/, /docker-compose-plugin/],
  ["no daemon", (rig) => rig.put("no-daemon", NO_DAEMON), /daemon cannot be reached/, /systemctl start docker/],
  ["no right to use Docker", (rig) => rig.put("no-daemon", NOT_ALLOWED), /this user may not use/, /group docker/],
];

describe("groundcrew openclaw upgrade where Docker does not work", () => {
  test.each(PROBLEMS)(
    "UPG: with %s, --check names the cause once and says what to do",
    async (_, spoil, cause, todo) => {
      const rig = await createComposeRig();
      const before = rig.snapshotAll();
      spoil(rig);
      const result = await rig.run(...UPGRADE, "--check");
      const failed = JSON.parse(result.out).findings.filter(({ status }: { status: string }) => status === "failed");
      expect([result.exit, failed]).toEqual([
        1,
        [{ name: "docker", status: "failed", detail: expect.stringMatching(cause), todo: expect.stringMatching(todo) }],
      ]);
      rig.remove("no-compose");
      rig.remove("no-daemon");
      expect(rig.snapshotAll()).toEqual(before);
    },
  );

  test("UPG: an upgrade without a daemon is refused before anything is changed", async () => {
    const rig = await createComposeRig();
    const before = rig.snapshotInstallation();
    rig.put("no-daemon", NO_DAEMON);
    const result = await rig.run(...UPGRADE);
    expect([result.exit, JSON.parse(result.out).state]).toEqual([1, "refused"]);
    expect(rig.snapshotInstallation()).toEqual(before);
  });

  test.skipIf(process.env["FULL"] === undefined)(
    "UPG: a rollback without a daemon fails with the cause, and works when the daemon runs again",
    async () => {
      const rig = await createComposeRig();
      await rig.run(...UPGRADE);
      rig.put("no-daemon", NO_DAEMON);
      const failed = await rig.run("rollback", "--json");
      expect([failed.exit, JSON.parse(failed.out).state]).toEqual([1, "rollback_failed"]);
      expect(JSON.parse(failed.out).steps.at(-1).problem).toMatch(
        /^docker compose stop: Docker's daemon cannot be reached/,
      );
      rig.remove("no-daemon");
      expect(JSON.parse((await rig.run("rollback", "--json")).out).state).toBe("rolled_back");
    },
  );

  // What Docker 28.2 and the clients before and after it print.
  test.each([
    [
      "unknown flag: --env-file\n\nUsage:  docker [OPTIONS]\n\nRun 'docker --help' for more information",
      "no Compose plugin",
    ],
    ["docker: 'compose' is not a docker command.\nSee 'docker --help'", "no Compose plugin"],
    [
      "failed to connect to the docker API at unix:///var/run/docker.sock; check if the path is correct",
      "cannot be reached",
    ],
    ["error during connect: Get http://10.0.0.1:2375/v1.50/version: dial tcp: i/o timeout", "cannot be reached"],
    ['service "openclaw-gateway" is not running', "is not running"],
  ])("UPG: Docker's %j is described", (stderr, description) => {
    const text = describeDockerFailure("docker compose config", { status: 1, stdout: "", stderr });
    expect(text).toContain(description);
  });
});
