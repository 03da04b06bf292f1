import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, cpSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseEnv } from "node:util";
import { Cron } from "croner";
import { describe, expect, test } from "vitest";
import { readBackupSettings } from "../../runtime/backup/backup-settings.ts";
import { parseOpenclawOptions } from "../../runtime/cli/openclaw-command.ts";
import { parseUpgradeSettings } from "../../runtime/openclaw-upgrade/upgrade-driver.ts";
import { hasCaddy, validateCaddyfile } from "../caddy/start-caddy.ts";
import { findChoice, prepareChoice, readDotEnv, readProject } from "../compose/compose-files.ts";
import { createDockerLines, writeComposeConfig } from "../compose/docker-stand-in.ts";
import { readDockerfile } from "../compose/dockerfile.ts";
import { hasProgram } from "../support/has-program.ts";
import { createTestFolder } from "../support/test-folder.ts";
import { startTestRuntime } from "../support/test-runtime.ts";
import { readBlocks, readInlineCommands, readShellBlock } from "./document-blocks.ts";
import { createShell } from "./shell.ts";

const PAGE = "docs/operations.md";

/** A server with a checkout and stand-ins for the programs that would need Docker, systemd or the Internet. */
function createServer() {
  const folder = createTestFolder("server");
  const source = join(folder, "source");
  for (const name of ["compose", "caddy"]) cpSync(name, join(source, name), { recursive: true });
  rmSync(join(source, "compose/.env"), { force: true });
  const compose = join(folder, "groundcrew/compose");
  const programs = {
    docker: createDockerLines(folder),
    git: 'if [ "$1" = clone ]; then cp -R "$2" "$3"; fi',
    sudo: "",
    // The group of Docker's socket, which is not there.
    stat: 'case "$*" in *docker.sock) echo 998 ;; *) exec /usr/bin/stat "$@" ;; esac',
  };
  const { run, readCalls } = createShell(programs, folder);
  return {
    ...{ folder, compose, readCalls },
    /** Runs a block there, with the answers to its questions. */
    run: (text: string, { cwd = compose, answers = "" } = {}) =>
      run(text.replaceAll("<this repository>", source), {}, { cwd, answers }),
    readDocker: () => readCalls().flatMap(([program, ...words]) => (program === "docker" ? [words] : [])),
  };
}

/** Checks the calls of Compose: known commands, of services of the project, and programs that the image has. */
function expectComposeCalls(calls: string[][], env: Record<string, string>): void {
  const { services } = readProject(env);
  const image = readDockerfile()
    .map(({ value }) => value)
    .join("\n");
  for (const [program, command, ...rest] of calls) {
    const words = rest.filter((word) => !word.startsWith("-"));
    const line = [program, command, ...rest].join(" ");
    if (program !== "compose") continue;
    expect(["up", "ps", "run", "restart", "exec", "cp", "config", "logs"], line).toContain(command);
    const named = command === "run" || command === "exec" ? words.slice(0, 1) : command === "cp" ? [] : words;
    for (const name of named) expect(services, line).toHaveProperty(name);
    if (command === "cp") expect(services, line).toHaveProperty(words[0]?.split(":")[0] ?? "");
    if (command === "run" && words[1] !== "sh") expect(image, line).toContain(`/usr/local/bin/${words[1]}`);
  }
}

describe("docs/operations.md, command by command", () => {
  test("INFRA-01 MONITOR-03: from a clone to Plane, Groundcrew and monitoring, then pinned and upgraded", async () => {
    const { folder, compose, run, readDocker } = createServer();
    const { url } = await startTestRuntime();
    const first = readShellBlock("docs/operations.md", "Compose");
    const health = first.replace("http://127.0.0.1:8787", url);
    expect(health).not.toBe(first);
    const answers = "\njavisi.test\n\nada@javisi.test\n\n";
    expect(await run(health, { cwd: folder, answers })).toContain('"status":"healthy"');
    const env = readDotEnv(compose);
    expect(env["COMPOSE_FILE"]).toBe("compose.yaml:plane.yaml:embedded-data.yaml:caddy.yaml");
    expectComposeCalls(readDocker(), env);
    expect(readDocker().map((words) => words.slice(0, 2).join(" "))).toEqual([
      "volume inspect",
      "compose up",
      "compose up",
      "compose run",
      "compose restart",
      "compose up",
      "compose run",
      // The webhook is enabled once Groundcrew answers.
      "compose run",
    ]);

    const shown = await run(readShellBlock("docs/operations.md", "Monitoring"));
    const monitored = readDotEnv(compose);
    expect(monitored["COMPOSE_FILE"]).toContain(":monitoring.yaml:");
    expect(shown.trim().split("\n").at(-1)).toBe(monitored["GRAFANA_ADMIN_PASSWORD"]);
    expect(monitored["POSTGRES_PASSWORD"]).toBe(env["POSTGRES_PASSWORD"]);
    expectComposeCalls(readDocker(), monitored);

    await run(readShellBlock("docs/operations.md", "New versions"));
    expect(readDotEnv(compose)).toEqual(monitored);
    writeComposeConfig(compose);
    cpSync(join(compose, "config.yaml"), join(folder, "config.yaml"));
    await run(readShellBlock("docs/operations.md", "New versions", 2));
    const pinned = readFileSync(join(compose, "pinned.yaml"), "utf8");
    expect(pinned).toMatch(/^ {4}image: prom\/prometheus:v\S+@sha256:[0-9a-f]{64}$/m);
    expect(readDotEnv(compose)["COMPOSE_FILE"]).toBe(`${monitored["COMPOSE_FILE"]}:pinned.yaml`);
    expect(readDocker().length).toBeGreaterThan(10);

    // The commands in the text name services and programs that exist as well.
    const inline = readInlineCommands(PAGE, /^docker /).map((command) => command.split(" ").slice(1));
    expect(inline.filter(([program]) => program === "compose").length).toBeGreaterThan(3);
    const known = ["compose", "network", "info", "system", "image", "volume"];
    expect(inline.filter(([program = ""]) => !known.includes(program))).toEqual([]);
    expectComposeCalls(
      inline.map((words) => words.filter((word) => word !== "<new>")),
      monitored,
    );
  });

  test("INFRA-02: with shared data services", async () => {
    const { folder, compose, run } = createServer();
    cpSync(join(folder, "source"), join(folder, "groundcrew"), { recursive: true });
    await run(readShellBlock("docs/operations.md", "Shared PostgreSQL and Redis"));
    expect(readDotEnv(compose)["COMPOSE_FILE"]).toBe(
      "compose.yaml:plane.yaml:shared-data.yaml:shared-redis-network.yaml:caddy.yaml",
    );
  });

  test("the command for Ansible reports what it changed, and nothing the second time", async () => {
    const { folder, compose, run } = createServer();
    cpSync(join(folder, "source"), join(folder, "groundcrew"), { recursive: true });
    const [command = ""] = readInlineCommands(PAGE, /^setup --yes --json /);
    const { changed, names } = JSON.parse(await run(`./${command}`));
    expect(names.sort()).toEqual(Object.keys(readDotEnv(compose)).sort());
    expect(changed).toBe(names.length);
    expect(JSON.parse(await run(`./${command}`))).toEqual({ changed: 0, names: [] });
  });

  test("INFRA-04: the variables for a Caddy of your own are accepted by Caddy, and name services", (context) => {
    context.skip(!hasCaddy());
    const text = readShellBlock("docs/operations.md", "A Caddy of your own");
    const folder = createTestFolder("own-caddy");
    // A site of theirs, and ours.
    const sites = ["sites.caddy", "sites.grafana.caddy"].map((name) => `import ${resolve("caddy", name)}`);
    writeFileSync(join(folder, "Caddyfile"), `example.org {\n\trespond ok\n}\n\n${sites.join("\n")}\n`);
    const env = parseEnv(text.replaceAll(/ (?=[A-Z_]+=)/g, "\n")) as Record<string, string>;
    expect(Object.keys(env).length).toBeGreaterThan(8);
    expect(validateCaddyfile(join(folder, "Caddyfile"), env)).toContain("Valid configuration");
    const { services } = prepareChoice(findChoice("plane,embedded-data")).project;
    const aliases = Object.values(services).flatMap(({ networks }) => networks?.["frontend"]?.aliases ?? []);
    const hosts = Object.values(env).flatMap((value) => /^([a-z-]+):\d+$/.exec(value)?.[1] ?? []);
    expect(hosts.sort()).toEqual(aliases.filter((alias) => alias.startsWith("plane-")).sort());
  });

  test.skipIf(!hasProgram("promtool"))("MONITOR-04: the checks of Prometheus' files succeed", async () => {
    const { folder, run } = createServer();
    const check = readShellBlock("docs/operations.md", "With a Prometheus, Grafana or Loki of your own");
    const stdout = await run(check, { cwd: join(folder, "source/compose/monitoring") });
    expect(stdout.match(/SUCCESS/g)?.length).toBe(3);
  });

  test("INFRA-06: the commands for systemd name a script and a unit that systemd accepts", async () => {
    const { folder, run, readCalls } = createServer();
    const source = join(folder, "source");
    await run(readShellBlock("docs/operations.md", "systemd"), { cwd: source });
    expect(readCalls()).toEqual([
      ["git", "pull"],
      ["sudo", "compose/systemd/install"],
    ]);
    for (const name of ["install", "groundcrew-run"]) {
      const script = join(source, "compose/systemd", name);
      expect(spawnSync("sh", ["-n", script], { encoding: "utf8" }).stderr).toBe("");
      expect(() => execFileSync("test", ["-x", script])).not.toThrow();
    }
    const { scripts } = JSON.parse(readFileSync("package.json", "utf8"));
    const used = readInlineCommands(PAGE, /^(?:sudo )?groundcrew-run |^npm run /).map(
      (command) => /(?:groundcrew-run|npm run) ([\w:]+)/.exec(command)?.[1] ?? "",
    );
    expect(used.length).toBeGreaterThan(4);
    for (const name of used) expect(scripts).toHaveProperty(name);
    if (!process.env["CI"] && !existsSync("/usr/bin/systemd-analyze")) return;
    const unit = join(folder, "groundcrew.service");
    const text = readFileSync("compose/systemd/groundcrew.service", "utf8").replace(
      /^ExecStart=\S+/m,
      "ExecStart=/bin/true",
    );
    writeFileSync(unit, text);
    chmodSync(unit, 0o644);
    const verify = () => spawnSync("systemd-analyze", ["verify", unit], { encoding: "utf8" });
    expect(verify()).toMatchObject({ status: 0, stderr: "" });
    writeFileSync(unit, text.replace("ProtectSystem=", "ProtectSystm="));
    expect(verify().stderr).toContain("ProtectSystm");
  });
});

const blocks = readBlocks("docs/operations.md");
const findBlocks = (heading: string) => blocks.filter((block) => block.heading === heading).map(({ text }) => text);
/** The commands of a block, without comments and empty lines. */
const splitCommands = (text: string) =>
  text
    .split("\n")
    .map((line) => line.replace(/ *#.*$/, "").trim())
    .filter(Boolean);
const findCommands = (heading: string) => findBlocks(heading).flatMap(splitCommands);

/** Checks that a script of this repository exists, can be executed and is valid for sh. */
function expectScript(path: string) {
  expect(existsSync(path), path).toBe(true);
  expect(() => execFileSync("test", ["-x", path])).not.toThrow();
  expect(spawnSync("sh", ["-n", path], { encoding: "utf8" }).stderr).toBe("");
}

describe("docs/operations.md, what its commands name", () => {
  test("the scripts of the ticket runner, of backup and of restore exist", () => {
    expect(findCommands("Ticket runner")).toEqual(["git pull", "compose/systemd/install-runner"]);
    expectScript("compose/systemd/install-runner");
    const [line = ""] = splitCommands(readShellBlock("docs/operations.md", "Backup and restore"));
    const [, time = "", user, path = ""] =
      /^((?:\S+ ){5})(\S+) \/srv\/groundcrew\/(\S+) --scheduled >\/dev\/null$/.exec(line) ?? [];
    expect(user).toBe("root");
    expect(new Cron(time.trim(), { paused: true }).nextRun()?.getHours()).toBe(3);
    expectScript(path);
    const restores = findCommands("Restore");
    expect(restores.map((command) => command.split(" ")[0])).toEqual(["compose/restore", "compose/restore"]);
    expectScript("compose/restore");
  });

  test("BACKUP_AFTER is split into the program and its words", () => {
    const lines = [
      readShellBlock("docs/operations.md", "Where it goes"),
      readShellBlock("docs/operations.md", "Where it goes", 2),
    ].flatMap(splitCommands);
    const programs = lines.map((line) => {
      const [name = "", value = ""] = line.split(/=(.*)/s);
      return readBackupSettings({ [name]: value, BACKUP_FOLDER: "/srv/backups" }).after;
    });
    const script = "runtime/backup/send-to-restic";
    expect(programs.map(([program]) => program)).toEqual([
      `/srv/groundcrew/${script}`,
      `/opt/groundcrew/dist/files/${script}`,
      "rclone",
    ]);
    expectScript(script);
    for (const words of programs) expect(words.join(" ")).toMatch(/ \{backup\} /);
    // What is missing here must not be deleted there.
    expect(programs.at(-1)?.[1]).toBe("copy");
  });

  test("the commands of OpenClaw's upgrade have known options, and its settings are valid", () => {
    const commands = findCommands("OpenClaw's upgrade").filter((line) => line.startsWith("groundcrew openclaw "));
    expect(commands.length).toBe(4);
    const parsed = commands.map((command) => parseOpenclawOptions(command.split(" ").slice(2)));
    expect(parsed.map(({ command }) => command)).toEqual(["upgrade", "upgrade", "upgrade", "rollback"]);
    expect(parsed[0]).toMatchObject({ from: "2026.2.26", to: "2026.9.6", check: true });
    const [settings = "", install = ""] = findBlocks("Settings of upgrades");
    expect(parseUpgradeSettings("openclaw-upgrade.json", settings)).toMatchObject({
      driver: "compose",
      limits: { agents: 5, minutes: 30, memory: "256m", cpus: 0.25 },
    });
    expect(spawnSync("sh", ["-n"], { input: install, encoding: "utf8" }).stderr).toBe("");
  });
});
