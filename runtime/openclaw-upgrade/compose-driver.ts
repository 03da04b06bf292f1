/**
 * The driver for OpenClaw in Docker Compose: its calls of docker with their known failures, and the version pinned in
 * `.env`.
 */

import { lstatSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createReport, type Finding } from "../../functions/doctor/findings.ts";
import { parsePinnedValue } from "../../functions/doctor/versions.ts";
import { GroundcrewError, getErrorMessage } from "../../shared/errors.ts";
import { cleanLine } from "../../shared/text.ts";
import { type Ms, SECOND } from "../../shared/time.ts";
import { replaceFile } from "../node/files.ts";
import {
  describeFailure,
  type ProgramResult,
  pickVariables,
  requireSuccess,
  runOrThrow,
  runProgram,
} from "../node/programs.ts";
import { checkComposeService, parseComposeService } from "./container-checks.ts";
import type { ComposeUpgradeSettings, UpgradeDriver } from "./upgrade-driver.ts";
import { parseScan, SCANNERS } from "./upgrade-record.ts";

type RunProgram = (args: readonly string[], timeoutMs: Ms) => Promise<ProgramResult>;

/** The tag that keeps the image of a rollback when others are removed. */
const toKeptImage = (version: string) => `groundcrew-rollback/openclaw:${version}`;

/** What `docker compose stop` may take beyond the grace that the container gets. */
const STOP_MARGIN: Ms = 5 * SECOND;

/** What the Docker client and the scanners need to find the engine, their settings and their caches. */
const PASSED_VARIABLES =
  /^(?:PATH|HOME|LANG|LC_ALL|TMPDIR|XDG_RUNTIME_DIR|DOCKER_\w+|COMPOSE_\w+|TRIVY_\w+|GRYPE_\w+|HTTPS?_PROXY|NO_PROXY)$/i;

/** What Docker's client prints when no command of it can work, in the order in which the causes exclude each other. */
const KNOWN_PROBLEMS = [
  {
    pattern: /^spawn docker (?:ENOENT|EACCES)/m,
    detail: "the command docker is not installed, or not in PATH",
    todo: "Install Docker with its Compose plugin, or run the command on the machine that has OpenClaw's containers.",
  },
  {
    pattern:
      /unknown command: docker compose|'compose' is not a docker command|unknown flag: --env-file|unknown shorthand flag: 'T'/,
    detail: "Docker has no Compose plugin, so `docker compose` does not exist",
    todo: "Install it (package docker-compose-plugin or docker-compose-v2); the old docker-compose does not count. `docker compose version` must answer.",
  },
  {
    pattern: /permission denied while trying to connect to the (?:Docker daemon socket|docker API)/i,
    detail: "this user may not use Docker's daemon",
    todo: "Add the user to the group docker and log in again, or run the command as a user that may.",
  },
  {
    pattern:
      /Cannot connect to the Docker daemon|error during connect|failed to connect to the docker API|Is the docker daemon running/i,
    detail: "Docker's daemon cannot be reached",
    todo: "Start it (`sudo systemctl start docker`), or fix DOCKER_HOST or the context. `docker version` must show a server.",
  },
];

/**
 * OpenClaw as a service of a Compose project: the version is the tag of its image, in an environment file. Variables of
 * the shell are not passed on, because they would override the file.
 */
export function createComposeDriver(
  settings: ComposeUpgradeSettings,
  env: Record<string, string | undefined>,
): UpgradeDriver {
  const { service, folder, workspace, user } = settings;
  const envFile = join(folder, settings.env_file);
  const options = { env: pickVariables(env, PASSED_VARIABLES), cwd: folder };
  const toCompose = (args: readonly string[]) => ["compose", "--env-file", envFile, ...args];
  const docker: RunProgram = (args, timeoutMs) => runProgram("docker", args, { ...options, timeoutMs });
  /** Standard output of `docker …`. Throws when it fails. */
  const runDocker = async (args: readonly string[], timeout: Ms) =>
    requireSuccess(`docker ${args[0]}`, explainDocker(await docker(args, timeout)));
  const runCompose = async (args: readonly string[], timeout: Ms) =>
    requireSuccess(`docker compose ${args[0]}`, explainDocker(await docker(toCompose(args), timeout)));
  const exec: RunProgram = async (args, timeout) =>
    explainDocker(await docker(toCompose(["exec", "-T", service, ...args]), timeout));
  const hasImage = async (image: string, timeout: Ms) =>
    (await docker(["image", "inspect", "--format", "{{.Id}}", image], timeout)).status === 0;
  const readPinned = () => findPinnedVersion(envFile, settings.variable).version;
  const readService = async (timeout: Ms) =>
    parseComposeService(await runCompose(["config", "--format", "json"], timeout), service);

  async function toImage(version: string, timeout: Ms): Promise<string> {
    const { image } = await readService(timeout);
    const wanted = replaceVersion(image, version);
    if (wanted === undefined) throw new Error(`the image ${cleanLine(image, 100)} is not pinned by a version`);
    return wanted;
  }

  /** Checks that an image is on this machine or in its registry. Downloads nothing. */
  async function checkImageExists(image: string, timeout: Ms): Promise<Finding> {
    const { ok, warning, failed } = createReport("new version");
    if (await hasImage(image, timeout)) return ok`${image} is on this machine`;
    const remote = await docker(["manifest", "inspect", image], timeout);
    if (remote.status === 0) return ok`the registry has ${image}`;
    const reason = cleanLine(describeFailure("docker manifest inspect", explainDocker(remote)), 400);
    if (/no such manifest|manifest unknown|not found|denied|unauthorized/i.test(remote.stderr))
      return failed`the registry does not give ${image}: ${reason}
        → Choose a version that it has, or run \`docker login\`.`;
    return warning`the registry could not be asked for ${image}: ${reason} → The step fetch will tell.`;
  }

  return {
    kind: "compose",
    workspaces: [workspace],
    owner: user,
    readPinned,
    pin(version) {
      // Everything else in the file, its mode included, stays.
      const { before, version: current, after } = findPinnedVersion(envFile, settings.variable);
      if (current !== version) replaceFile(envFile, `${before}${version}${after}`);
    },
    checkTools: (timeout) => checkDocker(docker, timeout),
    async checkInstallation(to, timeout) {
      const service = await readService(timeout);
      const findings = checkComposeService(service, settings, readPinned());
      // An image that is not pinned by a version has its own finding.
      const image = replaceVersion(service.image, to);
      return image === undefined ? findings : [...findings, await checkImageExists(image, timeout)];
    },
    async fetchVersion({ from, to }, timeout) {
      await runDocker(["pull", "--quiet", await toImage(to, timeout)], timeout);
      await runDocker(["tag", await toImage(from, timeout), toKeptImage(from)], timeout);
    },
    async recallVersion(version, timeout) {
      const image = await toImage(version, timeout);
      if (!(await hasImage(image, timeout))) await runDocker(["tag", toKeptImage(version), image], timeout);
    },
    identifyGateway: async (timeout) =>
      (await runCompose(["ps", "--quiet", "--status", "running", service], timeout)).trim(),
    async stop(timeout) {
      const grace = Math.max(1, Math.floor((timeout - STOP_MARGIN) / SECOND));
      await runCompose(["stop", "--timeout", String(grace), service], timeout);
    },
    async start(timeout) {
      await runCompose(["up", "--detach", "--no-deps", "--no-build", "--pull", "never", service], timeout);
    },
    exec,
    /** In a container of its own, with the same volumes. */
    transfer([program = "", ...args], files, timeoutMs) {
      const run = ["run", "--rm", "--no-deps", "-T", "--entrypoint", program, service, ...args];
      return runOrThrow("docker", toCompose(run), { ...options, ...files, timeoutMs });
    },
    runOpenclaw: (args, timeout) => exec([...settings.command, ...args], timeout),
    readLog: (since, timeout) =>
      runCompose(["logs", "--no-color", "--no-log-prefix", "--since", new Date(since).toISOString(), service], timeout),
    async scanImage(version, timeoutMs) {
      const image = await toImage(version, timeoutMs);
      for (const scanner of ["trivy", "grype"] as const) {
        const result = await runProgram(scanner, SCANNERS[scanner].toArguments(image), { ...options, timeoutMs });
        if (result.problem?.includes("ENOENT")) continue;
        try {
          return { kind: "scanned", scanner, found: parseScan(scanner, requireSuccess(scanner, result)) };
        } catch (thrown) {
          const why = result.status === 0 ? `the answer of ${scanner} cannot be read` : getErrorMessage(thrown);
          return { kind: "not scanned", why };
        }
      }
      return { kind: "not scanned", why: "neither trivy nor grype is installed" };
    },
  };
}

/**
 * The variable of an environment file that pins a version, such as `OPENCLAW_IMAGE=ghcr.io/openclaw/openclaw:2026.2.26`:
 * the version, and the file's text before and after it. Throws when there is not exactly one.
 */
function findPinnedVersion(path: string, variable: string): { before: string; version: string; after: string } {
  const createError = (message: string) => new GroundcrewError("bad_request", message);
  const text = lstatSync(path, { throwIfNoEntry: false })?.isFile() ? readFileSync(path, "utf8") : "";
  const lines = [...text.matchAll(new RegExp(`^(?:export )?${variable}=(["']?)([^"'\r\n]*)\\1[ \t]*$`, "gm"))];
  const [line] = lines;
  if (!line || lines.length > 1)
    throw createError(
      `${path} must be a file with one line ${variable}=…, and has ${lines.length}. Write one, such as ${variable}=ghcr.io/openclaw/openclaw:2026.2.26. Use this variable for the image in the Compose file, or name yours as "variable".`,
    );
  const value = line[2] ?? "";
  const parts = parsePinnedValue(value);
  if (!parts)
    throw createError(
      `${variable} in ${path} does not end in a version of OpenClaw, such as 2026.2.26 (neither "latest" nor a digest can be compared). Pin one.`,
    );
  const start = line.index + line[0].lastIndexOf(value) + parts.before.length;
  return { before: text.slice(0, start), version: parts.version, after: text.slice(start + parts.version.length) };
}

/** An image with another version; undefined when it is not pinned by one. */
function replaceVersion(image: string, version: string): string | undefined {
  const parts = parsePinnedValue(image);
  return parts && `${parts.before}${version}${parts.after}`;
}

/** Checks that Docker's client, its daemon and the Compose plugin work, because everything else runs through them. */
async function checkDocker(docker: RunProgram, timeout: Ms): Promise<Finding> {
  const { ok, failed } = createReport("docker");
  const questions = { "docker compose version": [], "docker version": ["--format", "{{.Server.Version}}"] };
  const versions: string[] = [];
  for (const [command, options] of Object.entries(questions)) {
    const result = await docker([...command.split(" ").slice(1), ...options], timeout);
    const known = findDockerProblem(result);
    if (result.status === 0) versions.push(cleanLine(result.stdout, 60));
    else if (known) return failed`${known.detail} → ${known.todo}`;
    else
      return failed`${cleanLine(describeFailure(command, result), 400)} → Run \`${command}\` and fix what it reports.`;
  }
  const [plugin, engine] = versions;
  return ok`Docker ${engine}, ${plugin}`;
}

/** Finds the cause when Docker itself does not work; undefined for every other failure. */
function findDockerProblem({ problem, stderr }: ProgramResult) {
  const text = `${problem ?? ""}\n${stderr}`;
  return KNOWN_PROBLEMS.find(({ pattern }) => pattern.test(text));
}

/** A result that says why Docker itself does not work and what to do, where that is the cause. */
export function explainDocker(result: ProgramResult): ProgramResult {
  const known = result.status === 0 ? undefined : findDockerProblem(result);
  return known ? { ...result, stderr: "", problem: `${known.detail}. ${known.todo}` } : result;
}
