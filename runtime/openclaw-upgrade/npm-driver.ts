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
import { createReport } from "../../functions/doctor/findings.ts";
import { isOpenclawVersion, parseVersionOutput } from "../../functions/doctor/versions.ts";
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

/** How npm's lines begin that give no reason: general advice, where its log is, and its own stack. */
const ADVICE =
  /(?:\d+ *$|A complete log of this run|For a full report see|Please make sure you have the correct access|and the repository exists|If you are behind a proxy|(?:\d+ +)?(?:Note that you can also install|tarball, folder, http url)|at |(?:code|errno|syscall|address|port|type|hostname): |[{}]$|(?:errno|syscall) )/;

/** The address in npm's line about a package from Git that this machine cannot fetch. */
const GIT_ADDRESS = /^command git .*\b(?:ls-remote|clone|fetch)\b.*?\b((?:git\+)?(?:ssh|git|https):\/\/[^\s'"]+)/;

/** npm's line about an error; before version 10 it wrote `npm ERR!`. */
const REASON = new RegExp(`^npm (?:error|ERR!)\\s+(?!${ADVICE.source})(\\S.*?)\\s*$`, "gm");

/** What is shown of npm's reasons: the last 6 lines. */
const MAX_LINES = 6;

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
  const own = createGatewayProcess(settings.records);
  const ownGateway = {
    ...own,
    start: () => own.start(process.execPath, [prefix.getEntry(prefix.readPinned()), "gateway", "run"], openclawEnv),
    /** The last part of the log, which begins with the start of the gateway; as much as a program's output may have. */
    readLog: async (_: Ms, timeout: Ms) => (await run("tail", ["-c", "4M", own.logPath], timeout)).stdout,
  };
  const gateway = unit === undefined ? ownGateway : openUnit(unit, settings.user_unit, run);

  return {
    ...{ kind: "npm", workspaces, owner: `${process.getuid?.()}:${process.getgid?.()}` },
    ...{ readPinned: prefix.readPinned, pin: prefix.pin },
    ...{ start: gateway.start, stop: gateway.stop, readLog: gateway.readLog, identifyGateway: gateway.identify },
    async checkTools(timeout) {
      const { ok, failed } = createReport("programs");
      const needed = ["npm", "tar", ...(unit === undefined ? [] : ["systemctl", "journalctl"])];
      for (const program of needed) {
        const result = await run(program, ["--version"], timeout);
        if (result.status === 0) continue;
        const detail = cleanLine(describeFailure(`${program} --version`, result), 200);
        return failed`${detail} → Install ${program}, or add its folder to PATH.`;
      }
      return ok`${needed.join(", ")}`;
    },
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
        const result = await run("npm", ["view", `openclaw@${to}`, "version"], timeout);
        if (result.status === 0 && result.stdout.trim() === to) return ok`npm has ${to}`;
        if (result.status === 0 || /\bE404\b/.test(result.stderr))
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
    // Each version has a folder of its own, which nothing removes.
    recallVersion: async () => {},
    exec: ([program = "", ...args], timeout) => run(program === "node" ? process.execPath : program, args, timeout),
    transfer: ([program = "", ...args], files, timeoutMs) =>
      runOrThrow(program, args, { env: passed, cwd: "/", timeoutMs, ...files }),
    runOpenclaw: (args, timeout) => runEntry(prefix.readPinned(), args, timeout),
    scanImage: async () => ({ kind: "not scanned", why: "there is no image; only the compose driver has one" }),
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
 * A gateway that this command starts and stops itself, where no systemd unit does. It outlives the command, which may be
 * killed at once, so it is found by what it has inherited: one that nobody knows would keep the port and the state.
 */
export function createGatewayProcess(folder: string) {
  const logPath = join(folder, "gateway.log");
  const entry = `${GATEWAY_VARIABLE}=${folder}`;
  // An agent may run this command.
  const find = () =>
    findProcesses("environ", (entries) => entries.includes(entry)).filter((pid) => pid !== process.pid);
  return {
    logPath,
    /** The number of the process; "" when there is none. */
    identify: async () => String(find()[0] ?? ""),
    async start(file: string, args: readonly string[], env: Record<string, string>) {
      if (find().length > 0) return;
      makePrivateFolder(folder);
      // A log of its own for each start; the one before stays beside it.
      if (existsSync(logPath)) renameSync(logPath, `${logPath}.old`);
      const log = openSync(logPath, "w", 0o600);
      const options = { env: { ...env, [GATEWAY_VARIABLE]: folder }, cwd: "/", detached: true } satisfies SpawnOptions;
      const child = spawn(file, args, { ...options, stdio: ["ignore", log, log] });
      closeSync(log);
      await once(child, "spawn");
      child.unref();
    },
    /** Asks the gateway and what it has started to end, and kills what remains when half of the time is over. */
    stop: (timeout: Ms) => endProcesses(find, timeout / 2),
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
      const target = readLink(link);
      if (target !== undefined && isOpenclawVersion(target)) return target;
      throw new GroundcrewError(
        "bad_request",
        `${link} is not a link to the folder of a version. Set the prefix up once: npm install --prefix ${prefix}/2026.2.26 openclaw@2026.2.26 && ln -s 2026.2.26 ${link}; then start OpenClaw from ${link}/node_modules/.bin/openclaw.`,
      );
    },
    /** Lets `current` lead to this version, in one step. */
    pin(version: string) {
      if (!isInstalled(version)) throw new Error(`${join(prefix, version)} does not contain OpenClaw ${version}`);
      if (readLink(link) === version) return;
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
      const args = ["install", "--prefix", draft, "--no-audit", "--no-fund"];
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

function readLink(path: string): string | undefined {
  const isLink = lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink();
  return isLink ? readlinkSync(path).replace(/\/+$/, "") : undefined;
}

/** Describes in one line why npm failed: its own reason, and what to do where a package comes from Git. */
function describeNpmFailure(name: string, result: ProgramResult): string {
  const reasons = [...result.stderr.matchAll(REASON)].map(([, reason = ""]) => reason);
  if (reasons.length === 0) return cleanLine(describeFailure(name, result), 600);
  const [address] = reasons.flatMap((line) => GIT_ADDRESS.exec(line)?.[1] ?? []);
  const hint = `A package comes from ${address}, which this machine cannot fetch. Allow that connection, or replace the package by "overrides" in the settings of upgrades. `;
  const said = reasons.slice(-MAX_LINES).join("; ");
  const reason = result.problem ?? `exit code ${result.status}`;
  return cleanLine(`${name}: ${reason}. ${address === undefined ? "" : hint}npm says: ${said}`, 600);
}
