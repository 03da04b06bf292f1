import { spawn, spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { endSessionProcesses } from "../../runtime/runner/session-processes.ts";
import { RUNNER_TOKEN, startExchangeServer } from "../runtime/runner/exchange-server.ts";
import { createRunnerHost } from "../runtime/runner/runner-host.ts";
import { hasProgram } from "../support/has-program.ts";
import { createTemporaryFolder } from "./production-tree.ts";
import { readUnitLines } from "./systemd-unit.ts";

const SERVICES = ["groundcrew.service", "groundcrew-backup.service"];
/** Lines about an exposure that both services need: the network, the folders of the machine, and V8's compiler. */
const NEEDED =
  /RootDirectory|MemoryDenyWriteExecute|RestrictAddressFamilies=~AF_(UNIX|\(INET\|INET6\))|PrivateNetwork|DeviceAllow|IPAddressDeny/;

describe("INFRA-06 The systemd units", () => {
  test("start the product with the flags of npm start", () => {
    const { scripts } = JSON.parse(readFileSync("package.json", "utf8"));
    const [command = ""] = readUnitLines("groundcrew.service", "ExecStart");
    expect(command.replace("/opt/groundcrew/node_modules/.bin/node ", "")).toBe(
      scripts.start.replace("exec node ", ""),
    );
  });

  test("are sandboxed alike, so that a backup can do no more than the product", () => {
    const [product = "", backup = ""] = SERVICES.map((unit) => {
      const text = readFileSync(`compose/systemd/${unit}`, "utf8");
      return text.slice(text.indexOf("ProtectSystem=")).split("\n\n")[0]?.trim();
    });
    expect(product).toContain("SystemCallFilter=");
    expect(backup).toBe(product);
  });

  test.skipIf(!hasProgram("systemd-analyze")).each([...SERVICES, "groundcrew-backup.timer"])(
    "%s is accepted by systemd, without a warning",
    (unit) => {
      const folder = createTemporaryFolder("units");
      // The program is not installed here.
      for (const name of [...SERVICES, "groundcrew-backup.timer"]) {
        const text = readFileSync(`compose/systemd/${name}`, "utf8");
        writeFileSync(join(folder, name), text.replace(/^ExecStart=\S+/m, "ExecStart=/bin/true"), { mode: 0o644 });
      }
      const { status, stderr } = spawnSync("systemd-analyze", ["verify", join(folder, unit)], { encoding: "utf8" });
      expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    },
  );

  test.skipIf(!hasProgram("systemd-analyze")).each(SERVICES)(
    "%s has an exposure below 2.0 by systemd's own analysis, of what it needs",
    (unit) => {
      const options = ["security", "--offline=true", "--threshold=19", `compose/systemd/${unit}`];
      const { status, stdout } = spawnSync("systemd-analyze", options, { encoding: "utf8" });
      expect(status, stdout).toBe(0);
      expect(stdout).toMatch(/Overall exposure level for groundcrew[a-z-]*.service: [01]\./);
      const exposed = stdout.split("\n").filter((line) => line.startsWith("✗"));
      expect(exposed.length).toBeGreaterThan(3);
      expect(exposed.filter((line) => !NEEDED.test(line))).toEqual([]);
    },
  );
});

const UNIT = "compose/systemd/groundcrew-runner.service";
const HAS_ANALYSIS = Boolean(process.env["CI"]) || existsSync("/usr/bin/systemd-analyze");

/** The unit's lines of one name, with `%h` as systemd replaces it. */
const readLines = (name: string, home: string, unit = "groundcrew-runner.service") =>
  readUnitLines(unit, name, { "%h": home });

const parseVariables = (lines: readonly string[]) =>
  Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]));

/** A home with the program and the settings in the places that the unit names. */
function createHome(groundcrewUrl: string) {
  const host = createRunnerHost();
  const { home } = host;
  const config = join(home, ".config/groundcrew");
  for (const folder of [config, join(home, ".local/share"), join(home, ".local/state")])
    mkdirSync(folder, { recursive: true });
  symlinkSync(resolve("."), join(home, ".local/share/groundcrew"));
  const variables = {
    GROUNDCREW_URL: groundcrewUrl,
    RUNNER_TOKEN,
    CLAUDE_BIN: host.env.CLAUDE_BIN,
    RUNNER_NAME: "unit",
  };
  const lines = Object.entries(variables).map(([name, value]) => `${name}=${value}`);
  // The stand-in for tmux's and git's folders is the path of this test; on a host it is that of the unit.
  writeFileSync(join(config, "runner.env"), `${lines.join("\n")}\nPATH=${host.env.PATH}\n`, { mode: 0o600 });
  // Where sessions have a box, it shows the stand-in for Claude Code, which is in this checkout.
  const repository = { path: host.repository, readable: [resolve(".")] };
  writeFileSync(join(config, "runner.json"), JSON.stringify({ tickets: { repositories: { ONB: repository } } }));
  return { ...host, socket: join(home, ".local/state/groundcrew-runner/tmux.sock") };
}

/** Starts a unit's command as systemd does: with the variables of the unit, then those of its file. */
function startUnit(home: string, unit?: string) {
  const [command = ""] = readLines("ExecStart", home, unit);
  const [file = ""] = readLines("EnvironmentFile", home, unit);
  const fromFile = parseVariables(readFileSync(file, "utf8").trim().split("\n"));
  const env = { HOME: home, ...parseVariables(readLines("Environment", home, unit)), ...fromFile };
  const [program = "", ...args] = command.split(" ");
  const child = spawn(program, args, { cwd: home, env });
  const exited = once(child, "exit");
  onTestFinished(() => void child.kill("SIGKILL"));
  return {
    exited,
    /** What systemd sends with KillMode=process: a signal to the command's own process. */
    async stop(): Promise<unknown> {
      child.kill("SIGTERM");
      return (await exited)[0];
    },
  };
}

describe("The runner's systemd unit", () => {
  test("starts the runner with its environment; a session outlives it and is taken up again", {
    timeout: 180_000,
  }, async () => {
    const server = await startExchangeServer();
    const { home, folder, socket, repository } = createHome(server.url);
    const sessionId = randomUUID();
    const tmux = (...args: string[]) => spawnSync("tmux", ["-S", socket, ...args], { encoding: "utf8" }).stdout;
    onTestFinished(async () => {
      tmux("kill-server");
      await endSessionProcesses(sessionId);
      await server.close();
      rmSync(folder, { recursive: true, force: true });
    });
    const waitForState = (state: string) =>
      expect.poll(() => server.getReport("ONB-1")?.state, { timeout: 60_000 }).toBe(state);
    const session = {
      ticket: "ONB-1",
      run: 1,
      round: 1,
      session_id: sessionId,
      resume: false,
      plans: false,
      project: "ONB",
      minutes: 30,
    };
    server.set({ sessions: [{ ...session, ticket_file: "# ONB-1", token: "t", inputs: [], watched: false }] });

    const first = startUnit(home);
    await waitForState("running");
    const { started_at } = server.getReport("ONB-1") ?? {};
    expect(await first.stop()).toBe(0);
    expect(tmux("list-sessions", "-F", "#{session_name}")).toBe("claude-ONB-1\n");
    const before = server.requests.length;
    const second = startUnit(home);
    await expect.poll(() => server.requests.length, { timeout: 60_000 }).toBeGreaterThan(before);
    await waitForState("running");
    expect(server.getReport("ONB-1")?.started_at).toBe(started_at);
    expect(existsSync(join(home, ".local/state/groundcrew-runner/worktrees/ONB-1/readme.txt"))).toBe(true);
    expect(await second.stop()).toBe(0);
    expect(dirname(repository)).toBe(folder);
  });

  test("INFRA-05 has a unit beside it that backs up the user's runner", { timeout: 60_000 }, async () => {
    const { home, folder } = createHome("http://127.0.0.1:1");
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    expect((await startUnit(home, "groundcrew-runner-backup.service").exited)[0]).toBe(0);
    const backups = join(home, ".local/state/groundcrew-backups");
    const [name = ""] = readdirSync(backups).filter((entry) => !entry.startsWith("."));
    expect(readFileSync(join(backups, name, "runner/runner.env"), "utf8")).toContain(RUNNER_TOKEN);
    expect(JSON.parse(readFileSync(join(backups, name, "manifest.json"), "utf8")).parts).toEqual(["runner"]);
  });

  test.skipIf(!HAS_ANALYSIS)("is valid, and no more exposed than sessions need, by systemd's own analysis", () => {
    const { home, folder } = createHome("http://127.0.0.1:1");
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const env = { PATH: process.env["PATH"], HOME: home, XDG_RUNTIME_DIR: home };
    const analyze = (...args: string[]) =>
      spawnSync("systemd-analyze", ["--user", ...args, UNIT], { env, encoding: "utf8" });
    const verified = analyze("verify");
    expect([verified.status, verified.stderr]).toEqual([0, ""]);
    const { status, stdout } = analyze("security", "--offline=true", "--threshold=75");
    expect(status, stdout).toBe(0);
    expect(stdout).toContain("Overall exposure level for groundcrew-runner.service");
  });
});
