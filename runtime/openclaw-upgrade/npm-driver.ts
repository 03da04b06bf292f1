import { closeSync, existsSync, fstatSync, openSync, readFileSync, readSync } from "node:fs";
import { join } from "node:path";
import { reportFailure, reportOk } from "../../functions/doctor/check.ts";
import { parseVersionOutput } from "../../functions/doctor/openclaw-version.ts";
import { cleanLine } from "../../shared/clean-text.ts";
import { getErrorMessage } from "../../shared/errors.ts";
import { type Ms, SECOND } from "../../shared/time.ts";
import { describeFailure, runProgram } from "../runner/run-program.ts";
import { checkConnection } from "./check-connection.ts";
import type { DeadlineDeps } from "./deadline.ts";
import { describeNpmFailure } from "./describe-npm-failure.ts";
import { type Finding, reportSkipped } from "./finding.ts";
import { createGatewayProcess } from "./gateway-process.ts";
import { archiveFolders, restoreFolders } from "./npm-archive.ts";
import { openNpmPrefix } from "./npm-prefix.ts";
import type { UpgradeDriver } from "./upgrade-driver.ts";
import type { NpmUpgradeSettings } from "./upgrade-settings.ts";
import { walkWorkspace } from "./walk-workspace.ts";
import { checkWorkspace } from "./workspace-entries.ts";

/**
 * What OpenClaw, npm and systemctl need, with the certificates of a company's own authority. Nothing else is passed on,
 * so no secret of Groundcrew.
 */
const PASSED_VARIABLES =
  /^(?:PATH|HOME|USER|LANG|LC_ALL|TMPDIR|XDG_RUNTIME_DIR|DBUS_SESSION_BUS_ADDRESS|OPENCLAW_(?!HOOK_TOKEN)\w+|npm_config_\w+|HTTPS?_PROXY|NO_PROXY|NODE_EXTRA_CA_CERTS|SSL_CERT_(?:FILE|DIR)|GIT_SSL_CAINFO)$/i;

/** Limit of the log that is read: the last 4 MB. */
const MAX_LOG_BYTES = 4 * 2 ** 20;

/** OpenClaw from npm in a prefix folder, run by a systemd unit or by this command. */
export function createNpmDriver(
  settings: NpmUpgradeSettings,
  env: Record<string, string | undefined>,
  deps: DeadlineDeps,
): UpgradeDriver {
  const { state, workspaces, unit, records } = settings;
  const passed = Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) =>
      value !== undefined && PASSED_VARIABLES.test(name) ? [[name, value] as const] : [],
    ),
  );
  const openclawEnv = { ...passed, OPENCLAW_STATE_DIR: state, NO_COLOR: "1" };
  const prefix = openNpmPrefix(settings.prefix, passed);
  const logPath = join(records, "gateway.log");
  const ownProcess = createGatewayProcess({
    ...deps,
    folder: records,
    pidPath: join(records, "gateway.json"),
    logPath,
  });
  const archiveOptions = { folders: [state, ...workspaces], env: passed };

  const run = (file: string, args: readonly string[], timeoutMs: Ms, programEnv = passed) =>
    runProgram(file, args, { env: programEnv, cwd: "/", timeoutMs });

  async function runSystemctl(action: "start" | "stop" | "is-active", name: string, timeout: Ms) {
    return run("systemctl", [...(settings.user_unit ? ["--user"] : []), action, name], timeout);
  }

  async function manageUnit(action: "start" | "stop", name: string, timeout: Ms) {
    const result = await runSystemctl(action, name, timeout);
    if (result.status !== 0) throw new Error(cleanLine(describeFailure(`systemctl ${action} ${name}`, result), 300));
  }

  async function checkService(timeout: Ms): Promise<Finding> {
    if (unit === undefined)
      return ownProcess.isRunning()
        ? reportOk("service", "the gateway was started by this command")
        : reportFailure(
            "service",
            "no systemd unit is named, and the gateway was not started by this command",
            'Name its unit as "unit" in the settings of upgrades. Without systemd, stop the gateway and run `groundcrew openclaw start`.',
          );
    const { status } = await runSystemctl("is-active", unit, timeout);
    if (status === 0) return reportOk("service", `the unit ${unit} is active`);
    return reportFailure("service", `the unit ${unit} is not active`, "Start it first, or fix its name.");
  }

  async function checkTarget(version: string, timeout: Ms): Promise<Finding> {
    if (prefix.isInstalled(version)) return reportOk("new version", `${version} is installed`);
    const result = await run("npm", ["view", `openclaw@${version}`, "version"], timeout);
    if (result.status === 0 && result.stdout.trim() === version) return reportOk("new version", `npm has ${version}`);
    if (result.status === 0 || /\bE404\b/.test(result.stderr))
      return reportFailure("new version", `npm has no openclaw@${version}`, "Choose a version that npm has.");
    return reportFailure(
      "new version",
      describeNpmFailure(`npm view openclaw@${version}`, result, passed),
      "Check the connection to the registry and npm's settings.",
    );
  }

  return {
    kind: "npm",
    readPinned: prefix.readPinned,
    pin: prefix.pin,
    async checkTools(timeout) {
      const programs = ["npm", "tar", ...(unit === undefined ? [] : ["systemctl", "journalctl"])];
      for (const program of programs) {
        const result = await run(program, ["--version"], timeout);
        if (result.status === 0) continue;
        const detail = cleanLine(describeFailure(`${program} --version`, result), 200);
        return reportFailure("programs", detail, `Install ${program}, or add its folder to PATH.`);
      }
      return reportOk("programs", programs.join(", "));
    },
    async checkInstallation(to, timeout) {
      const folders = archiveOptions.folders.map((path) =>
        existsSync(path)
          ? reportOk("folder", path)
          : reportFailure(
              "folder",
              `${path} does not exist`,
              'Fix "state" and "workspaces" in the settings of upgrades.',
            ),
      );
      return [await checkService(timeout), await checkTarget(to, timeout), ...folders];
    },
    checkReach: () =>
      Promise.all(Object.entries(settings.reach).map(([name, target]) => checkConnection(name, target))),
    async fetchVersion(version, timeout) {
      await prefix.install(version, settings.overrides, timeout);
      // Each version needs its own versions of Node, and says so when it starts.
      const result = await run(process.execPath, [prefix.getEntry(version), "--version"], timeout, openclawEnv);
      if (parseVersionOutput(result.stdout) !== version)
        throw new Error(
          `${cleanLine(describeFailure(`openclaw ${version}`, result), 300)} (Node ${process.versions.node}, ${process.execPath})`,
        );
    },
    async stop(timeout) {
      if (unit !== undefined) await manageUnit("stop", unit, timeout);
      else await ownProcess.stop(timeout);
    },
    async start(timeout) {
      if (unit !== undefined) return manageUnit("start", unit, timeout);
      return ownProcess.start(process.execPath, [prefix.getEntry(prefix.readPinned()), "gateway", "run"], openclawEnv);
    },
    backUp: (archive, timeout) => archiveFolders(archive, { ...archiveOptions, timeout }),
    restore: (archive, timeout) => restoreFolders(archive, { ...archiveOptions, timeout }),
    runOpenclaw: (args, { timeout }) =>
      run(process.execPath, [prefix.getEntry(prefix.readPinned()), ...args], timeout, openclawEnv),
    readFile: async (path) => (existsSync(path) ? readFileSync(path, "utf8") : undefined),
    async readLog(since, timeout) {
      if (unit === undefined) return readTail(logPath);
      const time = `@${Math.floor(since / SECOND)}`;
      const scope = settings.user_unit ? ["--user-unit", unit] : ["--unit", unit];
      const args = ["--no-pager", "--output", "cat", "--since", time, ...scope];
      const result = await run("journalctl", args, timeout);
      if (result.status !== 0) throw new Error(cleanLine(describeFailure("journalctl", result), 300));
      return result.stdout;
    },
    async inspectProcesses() {
      const containers = reportSkipped("process capabilities", "only the compose driver checks containers");
      if (workspaces.length === 0) return [containers, reportSkipped("workspace", '"workspaces" names none')];
      try {
        const owner = `${process.getuid?.()}:${process.getgid?.()}`;
        return [
          containers,
          checkWorkspace(
            workspaces.flatMap((path) => walkWorkspace(path)),
            owner,
          ),
        ];
      } catch (thrown) {
        return [containers, reportFailure("workspace", getErrorMessage(thrown), "Check the folder.")];
      }
    },
    scanImage: async () => ({ kind: "not scanned", why: "there is no image; only the compose driver has one" }),
    listSecrets: () => [],
  };
}

/** The last part of the log, which begins with the start of the gateway. */
function readTail(path: string): string {
  if (!existsSync(path)) return "";
  const file = openSync(path, "r");
  try {
    const { size } = fstatSync(file);
    const buffer = Buffer.alloc(Math.min(size, MAX_LOG_BYTES));
    const count = readSync(file, buffer, 0, buffer.length, size - buffer.length);
    return buffer.toString("utf8", 0, count);
  } finally {
    closeSync(file);
  }
}
