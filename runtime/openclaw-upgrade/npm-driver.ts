/** The driver for OpenClaw installed by npm: a prefix for each version, and the gateway as a unit or as a process. */

import { type SpawnOptions, spawn } from "node:child_process";
import { once } from "node:events";
import {
  closeSync,
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { createReport } from "../../functions/doctor/findings.ts";
import { isOpenclawVersion, parseVersionOutput } from "../../functions/doctor/openclaw.ts";
import { findAnswer } from "../../functions/doctor/openclaw-skill.ts";
import { GroundcrewError } from "../../shared/errors.ts";
import { readPath } from "../../shared/omit-undefined.ts";
import { cleanLine, tryParseJson } from "../../shared/text.ts";
import { type Ms, SECOND } from "../../shared/time.ts";
import { makePrivateFolder, nodeFiles } from "../node/files.ts";
import {
  describeFailure,
  endProcesses,
  findProcesses,
  type ProgramResult,
  pickVariables,
  requireSuccess,
  runOrThrow,
  runProgram,
} from "../node/programs.ts";
import type { NpmUpgradeSettings, UpgradeDriver } from "./upgrade-driver.ts";

/**
 * What OpenClaw, npm and systemctl need, with the certificates of a company's own authority. Nothing else is passed on,
 * so no secret of Groundcrew.
 */
const PASSED_VARIABLES =
  /^(?:PATH|HOME|USER|LANG|LC_ALL|TMPDIR|XDG_RUNTIME_DIR|DBUS_SESSION_BUS_ADDRESS|OPENCLAW_(?!HOOK_TOKEN)\w+|npm_config_\w+|HTTPS?_PROXY|NO_PROXY|NODE_EXTRA_CA_CERTS|SSL_CERT_(?:FILE|DIR)|GIT_SSL_CAINFO)$/i;

type RunProgram = (file: string, args: readonly string[], timeout: Ms) => Promise<ProgramResult>;

/** What npm prints about a failure with `--json`. A number is the exit code of Git, from which a package comes. */
const failureSchema = z.object({
  error: z.object({ code: z.union([z.string(), z.number()]), summary: z.string(), detail: z.string() }),
});

const GIT_HINT =
  'A package comes from Git, which this machine cannot fetch. Allow that connection, or replace the package by "overrides" in the settings of upgrades. ';

/** Name of the variable by which the gateway and what it starts are known, with the folder of the records as its value. */
const GATEWAY_VARIABLE = "GROUNDCREW_GATEWAY";

/** OpenClaw from npm in a prefix folder, run by a systemd unit or by this command. */
export function createNpmDriver(settings: NpmUpgradeSettings, env: Record<string, string | undefined>): UpgradeDriver {
  const { state, workspaces, overrides, unit } = settings;
  const passed = pickVariables(env, PASSED_VARIABLES);
  const openclawEnv = { ...passed, OPENCLAW_STATE_DIR: state, NO_COLOR: "1" };
  const prefix = openNpmPrefix(settings.prefix, passed);
  const run: RunProgram = (file, args, timeoutMs) => runProgram(file, args, { env: passed, cwd: "/", timeoutMs });
  const runEntry = (version: string, args: readonly string[], timeoutMs: Ms) =>
    runProgram(process.execPath, [prefix.getEntry(version), ...args], { env: openclawEnv, cwd: "/", timeoutMs });
  const exec: UpgradeDriver["exec"] = ([program = "", ...args], timeout) =>
    run(program === "node" ? process.execPath : program, args, timeout);
  const gateway =
    unit === undefined
      ? openOwnGateway(settings.records, () => prefix.getEntry(prefix.readPinned()), openclawEnv, run)
      : openUnit(unit, settings.user_unit, run);

  return {
    ...{ kind: "npm", workspaces, owner: `${process.getuid?.()}:${process.getgid?.()}` },
    ...{ readPinned: prefix.readPinned, pin: prefix.pin },
    ...{ start: gateway.start, stop: gateway.stop, readLog: gateway.readLog, identifyGateway: gateway.identify },
    tools: ["npm", "tar", ...(unit ? ["systemctl", "journalctl"] : [])].map((name) => `${name} --version`),
    runTool: (command, timeout) => exec(command.split(" "), timeout),
    checks: {
      async service({ ok, failed }, _, timeout) {
        const name = unit === undefined ? "the gateway that this command starts" : `the unit ${unit}`;
        if ((await gateway.identify(timeout)) !== "") return ok`${name} runs`;
        return failed`${name} does not run
          → Start it, or fix "unit" in the settings of upgrades. Without systemd, stop the gateway and run \`groundcrew
          openclaw start\`.`;
      },
      async "new version"({ ok, failed }, to, timeout) {
        if (prefix.isInstalled(to)) return ok`${to} is installed`;
        const result = await run("npm", ["view", `openclaw@${to}`, "version", "--json"], timeout);
        if (result.status === 0 && tryParseJson(result.stdout) === to) return ok`npm has ${to}`;
        if (result.status === 0 || findAnswer(failureSchema, result.stdout)?.error.code === "E404")
          return failed`npm has no openclaw@${to} → Choose a version that npm has.`;
        const detail = describeNpmFailure(`npm view openclaw@${to}`, result);
        return failed`${detail} → Check the connection to the registry and npm's settings.`;
      },
      folder: ({ ok, failed }) =>
        [state, ...workspaces].map((path) =>
          lstatSync(path, { throwIfNoEntry: false })?.isDirectory()
            ? ok`${path}`
            : failed`${path} is not a folder, or a link → Fix "state" and "workspaces" in the settings of upgrades.`,
        ),
    },
    async fetchVersion({ to }, timeout) {
      await prefix.install(to, overrides, timeout);
      // Each version needs its own versions of Node, and says so when it starts.
      const result = await runEntry(to, ["--version"], timeout);
      if (parseVersionOutput(result.stdout) === to) return;
      const reason = cleanLine(describeFailure(`openclaw ${to}`, result), 300);
      throw new Error(`${reason} (Node ${process.versions.node}, ${process.execPath})`);
    },
    exec,
    transfer: ([program = "", ...args], files, timeoutMs) =>
      runOrThrow(program, args, { env: passed, cwd: "/", timeoutMs, ...files }),
    runOpenclaw: (args, timeout) => runEntry(prefix.readPinned(), args, timeout),
    scanImages: async () => [createReport("image scan").skipped`there is no image; only the compose driver has one`],
  };
}

function openUnit(unit: string, isUserUnit: boolean, run: RunProgram) {
  const systemctl = async (timeout: Ms, ...command: string[]) => {
    const result = await run("systemctl", [...(isUserUnit ? ["--user"] : []), ...command, unit], timeout);
    return requireSuccess(`systemctl ${command[0]} ${unit}`, result);
  };
  return {
    /** The number of its process; "" when there is none. */
    identify: async (timeout: Ms) => /[1-9]\d*/.exec(await systemctl(timeout, "show", "--property=MainPID"))?.[0] ?? "",
    start: async (timeout: Ms) => void (await systemctl(timeout, "start")),
    stop: async (timeout: Ms) => void (await systemctl(timeout, "stop")),
    async readLog(since: Ms, timeout: Ms): Promise<string> {
      const scope = [isUserUnit ? "--user-unit" : "--unit", unit];
      const args = ["--no-pager", "--output", "cat", "--since", `@${Math.floor(since / SECOND)}`, ...scope];
      return requireSuccess("journalctl", await run("journalctl", args, timeout));
    },
  };
}

/**
 * A gateway that this command starts and stops itself, where no systemd unit does. It outlives the command, which may
 * be killed at once, so it is found by what it has inherited: one that nobody knows would keep the port and the state.
 */
function openOwnGateway(folder: string, getEntry: () => string, env: Record<string, string>, run: RunProgram) {
  const logPath = join(folder, "gateway.log");
  const variables = { ...env, [GATEWAY_VARIABLE]: folder };
  const find = () =>
    findProcesses("environ", (entries) => entries.includes(`${GATEWAY_VARIABLE}=${folder}`))
      // An agent may run this command.
      .filter((pid) => pid !== process.pid);
  return {
    /** The number of the process; "" when there is none. */
    identify: async () => String(find()[0] ?? ""),
    async start() {
      if (find().length > 0) return;
      makePrivateFolder(folder);
      // A log of its own for each start; the one before stays beside it.
      if (existsSync(logPath)) renameSync(logPath, `${logPath}.old`);
      const log = openSync(logPath, "w", 0o600);
      const options = { env: variables, cwd: "/", detached: true } satisfies SpawnOptions;
      const child = spawn(process.execPath, [getEntry(), "gateway", "run"], {
        ...options,
        stdio: ["ignore", log, log],
      });
      closeSync(log);
      await once(child, "spawn");
      child.unref();
    },
    /** Asks the gateway and what it has started to end, and kills what remains when half of the time is over. */
    stop: (timeout: Ms) => endProcesses(find, timeout / 2),
    /** The last part of the log, which begins with the start of the gateway; as much as a program's output may have. */
    readLog: async (_: Ms, timeout: Ms) => (await run("tail", ["-c", "4M", logPath], timeout)).stdout,
  };
}

/** A folder with OpenClaw in `<version>/node_modules/openclaw`, and the link `current` to one of these folders. */
export function openNpmPrefix(prefix: string, env: Record<string, string>) {
  const link = join(prefix, "current");
  const getEntry = (version: string) => join(prefix, version, "node_modules/openclaw/openclaw.mjs");

  function isInstalled(version: string, folder = join(prefix, version)): boolean {
    const found = tryParseJson(nodeFiles.read(join(folder, "node_modules/openclaw/package.json"))?.text ?? "");
    return readPath(found, "name") === "openclaw" && readPath(found, "version") === version;
  }

  return {
    isInstalled,
    getEntry,
    /** The version that `current` leads to. Throws for anything else. */
    readPinned(): string {
      const isLink = lstatSync(link, { throwIfNoEntry: false })?.isSymbolicLink();
      const target = isLink ? readlinkSync(link).replace(/\/+$/, "") : "";
      if (isOpenclawVersion(target)) return target;
      throw new GroundcrewError(
        "bad_request",
        `${link} is not a link to the folder of a version. Set the prefix up once: npm install --prefix ${prefix}/2026.2.26 openclaw@2026.2.26 && ln -s 2026.2.26 ${link}; then start OpenClaw from ${link}/node_modules/.bin/openclaw.`,
      );
    },
    /** Lets `current` lead to this version, in one step. */
    async pin(version: string) {
      if (!isInstalled(version)) throw new Error(`${join(prefix, version)} does not contain OpenClaw ${version}`);
      const draft = `${link}.new`;
      rmSync(draft, { force: true });
      symlinkSync(version, draft);
      renameSync(draft, link);
    },
    /** Installs a version into its own folder, whole or not at all. */
    async install(version: string, overrides: Record<string, string>, timeout: Ms) {
      if (isInstalled(version)) return;
      const draft = join(prefix, `.${version}.partial`);
      rmSync(draft, { recursive: true, force: true });
      mkdirSync(draft, { recursive: true });
      // npm applies overrides only in the root package, and reliably only to what that package already depends on.
      const rootPackage = { private: true, dependencies: { openclaw: version }, overrides };
      writeFileSync(join(draft, "package.json"), JSON.stringify(rootPackage, undefined, 2));
      const args = ["install", "--prefix", draft, "--no-audit", "--no-fund", "--json"];
      const result = await runProgram("npm", args, { env, cwd: draft, timeoutMs: timeout });
      if (result.status !== 0 || !isInstalled(version, draft)) {
        rmSync(draft, { recursive: true, force: true });
        throw new Error(describeNpmFailure(`npm install openclaw@${version}`, result));
      }
      rmSync(join(prefix, version), { recursive: true, force: true });
      renameSync(draft, join(prefix, version));
    },
  };
}

/** Describes in one line why npm failed: its own reason, and what to do where a package comes from Git. */
function describeNpmFailure(name: string, result: ProgramResult): string {
  const { error } = findAnswer(failureSchema, result.stdout) ?? {};
  if (!error) return cleanLine(describeFailure(name, result), 600);
  // General advice follows after an empty line.
  const reason = `${error.summary}: ${error.detail.split("\n\n")[0]}`;
  return cleanLine(`${name}: ${typeof error.code === "number" ? GIT_HINT : ""}npm says: ${reason}`, 600);
}
