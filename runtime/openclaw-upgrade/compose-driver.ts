/**
 * The driver for OpenClaw in Docker Compose: its calls of docker with their known failures, the version pinned in
 * `.env`, and a backup of the volume.
 */

import { lstatSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createReport, type Finding } from "../../functions/doctor/findings.ts";
import { parsePinnedValue } from "../../functions/doctor/versions.ts";
import { GroundcrewError } from "../../shared/errors.ts";
import { cleanLine } from "../../shared/text.ts";
import { type Ms, SECOND } from "../../shared/time.ts";
import { replaceFile } from "../node/files.ts";
import {
  describeFailure,
  type ProgramOptions,
  type ProgramResult,
  pickVariables,
  runOrThrow,
  runProgram,
} from "../node/programs.ts";
import { listFileSecrets } from "./check-upgrade.ts";
import {
  type ComposeService,
  checkComposeService,
  checkProcesses,
  checkWorkspace,
  FIND_FORMAT,
  parseComposeService,
  parseProcessStatus,
  parseWorkspaceEntries,
} from "./container-checks.ts";
import { type ComposeUpgradeSettings, inspect, type UpgradeDriver } from "./upgrade-driver.ts";
import { type ImageScan, parseScan, SCANNERS } from "./upgrade-record.ts";

/** What Docker's client prints when no command of it can work, why, and what to do. */
interface DockerProblem {
  pattern: RegExp;
  detail: string;
  todo: string;
}

/** Connects from inside the container; host and port are arguments, never part of the program. */
const CONNECT_SCRIPT =
  'const s=require("node:net").connect({host:process.argv[1],port:+process.argv[2]},()=>process.exit(0));' +
  's.on("error",(e)=>{console.error(e.code);process.exit(1)});s.setTimeout(5000,()=>{console.error("timeout");process.exit(1)})';

/** Empties the folders and unpacks the archive from standard input. The paths are arguments. */
const RESTORE_SCRIPT =
  'for path in "$@"; do find "$path" -mindepth 1 -delete || exit 1; done; exec tar -x -z -f - -C /';

/** Format of `stat -f`: free blocks, their size, free inodes, all inodes (0 where the file system has none). */
const FREE_FORMAT = "%a %S %d %c";

/** The tag that keeps the image of a rollback when others are removed. */
const toKeptImage = (version: string) => `groundcrew-rollback/openclaw:${version}`;

/** What `docker compose stop` may take beyond the grace that the container gets. */
const STOP_MARGIN: Ms = 5 * SECOND;

/** What the Docker client and the scanners need to find the engine, their settings and their caches. */
const PASSED_VARIABLES =
  /^(?:PATH|HOME|LANG|LC_ALL|TMPDIR|XDG_RUNTIME_DIR|DOCKER_\w+|COMPOSE_\w+|TRIVY_\w+|GRYPE_\w+|HTTPS?_PROXY|NO_PROXY)$/i;

/** Timeout for a question to Docker about itself: 20 s; a daemon that starts answers late. */
const TIMEOUT: Ms = 20 * SECOND;

/** Timeout for a question to a registry: 30 s. */
const REGISTRY_TIMEOUT: Ms = 30 * SECOND;

/** What Docker's client prints, in the order in which the causes exclude each other. */
const KNOWN_PROBLEMS: readonly DockerProblem[] = [
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

/** OpenClaw as a service of a Compose project: the version is the tag of its image, in an environment file. */
export function createComposeDriver(
  settings: ComposeUpgradeSettings,
  env: Record<string, string | undefined>,
): UpgradeDriver {
  const { service, command, state, workspace, user } = settings;
  const envFile = join(settings.folder, settings.env_file);
  const docker = createDockerClient(env, settings.folder, envFile);
  const folders = [state, workspace];
  /** Runs a program in a container of its own, with the same volumes. */
  const oneOff = (entrypoint: string) => ["run", "--rm", "--no-deps", "-T", "--entrypoint", entrypoint, service];
  const exec = (args: readonly string[], timeout: Ms) => docker.tryCompose(["exec", "-T", service, ...args], timeout);
  const readPinned = () => findPinnedVersion(envFile, settings.variable).version;

  async function readService(timeout: Ms): Promise<ComposeService> {
    return parseComposeService(await docker.runCompose(["config", "--format", "json"], timeout), service);
  }

  async function toImage(version: string, timeout: Ms): Promise<string> {
    const current = await readService(timeout);
    const image = replaceVersion(current, version);
    if (image === undefined) throw new Error(`the image ${cleanLine(current.image, 100)} is not pinned by a version`);
    return image;
  }

  return {
    kind: "compose",
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
      const image = replaceVersion(service, to);
      if (image !== undefined) findings.push(await checkImageExists(docker, image, timeout));
      return findings;
    },
    async connect(host, port, timeout) {
      const { status, problem, stderr } = await exec(["node", "-e", CONNECT_SCRIPT, host, String(port)], timeout);
      return status === 0 ? undefined : (problem ?? cleanLine(stderr, 100));
    },
    async fetchVersion(version, timeout) {
      const image = await toImage(version, timeout);
      requireSuccess("docker pull", await docker.tryDocker(["pull", "--quiet", image], timeout));
    },
    async keepVersion(version, timeout) {
      const args = ["tag", await toImage(version, timeout), toKeptImage(version)];
      requireSuccess("docker tag", await docker.tryDocker(args, timeout));
    },
    async recallVersion(version, timeout) {
      const image = await toImage(version, timeout);
      if ((await docker.tryDocker(["image", "inspect", "--format", "{{.Id}}", image], timeout)).status === 0) return;
      requireSuccess("docker tag", await docker.tryDocker(["tag", toKeptImage(version), image], timeout));
    },
    async readFree(timeout) {
      const output = await docker.runCompose(["exec", "-T", service, "stat", "-f", "-c", FREE_FORMAT, state], timeout);
      const [blocks = 0, size = 0, inodes = 0, total = 0] = output.trim().split(" ").map(Number);
      return { bytes: blocks * size, inodes: total === 0 ? Number.POSITIVE_INFINITY : inodes };
    },
    async identifyGateway(timeout) {
      const listed = await docker.runCompose(["ps", "--quiet", "--status", "running", service], timeout);
      return listed.trim();
    },
    async stop(timeout) {
      const grace = Math.max(1, Math.floor((timeout - STOP_MARGIN) / SECOND));
      await docker.runCompose(["stop", "--timeout", String(grace), service], timeout);
    },
    async start(timeout) {
      await docker.runCompose(["up", "--detach", "--no-deps", "--no-build", "--pull", "never", service], timeout);
    },
    backUp(archive, timeout) {
      const paths = folders.map((path) => path.slice(1));
      const args = [...oneOff("tar"), "-c", "-z", "-f", "-", "-C", "/", "--", ...paths];
      return docker.transfer(args, { output: archive }, timeout);
    },
    restore: (archive, timeout) =>
      docker.transfer([...oneOff("sh"), "-c", RESTORE_SCRIPT, "sh", ...folders], { input: archive }, timeout),
    runOpenclaw: (args, timeout) => exec([...command, ...args], timeout),
    async readFile(path, timeout) {
      const running = await exec(["cat", "--", path], timeout);
      const isStopped = running.status !== 0 && /is not running/.test(running.stderr);
      const result = isStopped ? await docker.tryCompose([...oneOff("cat"), "--", path], timeout) : running;
      if (result.status === 0) return result.stdout;
      if (/No such file/.test(result.stderr)) return undefined;
      throw new Error(`${path} cannot be read: ${describeDockerFailure("docker compose exec", result)}`);
    },
    readLog: (since, timeout) =>
      docker.runCompose(
        ["logs", "--no-color", "--no-log-prefix", "--since", new Date(since).toISOString(), service],
        timeout,
      ),
    async inspectProcesses(timeout) {
      const todo = "Look into the container by hand.";
      // A process may end while its file is read, so the exit code says nothing.
      const processes = await inspect("process users", todo, async () => {
        const { stdout } = await exec(["sh", "-c", "cat /proc/[0-9]*/status"], timeout);
        return checkProcesses(parseProcessStatus(stdout), user);
      });
      const files = await inspect("workspace", todo, async () => {
        const find = ["exec", "-T", service, "find", workspace, "-maxdepth", "2", "-printf", FIND_FORMAT];
        return [checkWorkspace(parseWorkspaceEntries(await docker.runCompose(find, timeout)), user)];
      });
      return [...processes, ...files];
    },
    scanImage: async (version, timeout) => scanImage(docker, await toImage(version, timeout), timeout),
    listSecrets: () => listFileSecrets(envFile),
  };
}

/**
 * Runs the Docker client for one Compose project. Variables of the shell are not passed on, because they would override
 * the pinned version in the environment file.
 */
function createDockerClient(env: Record<string, string | undefined>, folder: string, envFile: string) {
  const options = { env: pickVariables(env, PASSED_VARIABLES), cwd: folder };
  const toCompose = (args: readonly string[]) => ["compose", "--env-file", envFile, ...args];
  /** Another program with the same environment, such as a scanner, whatever its exit code. */
  const tryProgram = (file: string, args: readonly string[], timeoutMs: Ms) =>
    runProgram(file, args, { ...options, timeoutMs });
  const tryCompose = (args: readonly string[], timeout: Ms) => tryProgram("docker", toCompose(args), timeout);
  return {
    tryProgram,
    tryDocker: (args: readonly string[], timeout: Ms) => tryProgram("docker", args, timeout),
    tryCompose,
    /** Standard output of `docker compose …`. Throws when it fails. */
    runCompose: async (args: readonly string[], timeout: Ms) =>
      requireSuccess(`docker compose ${args[0]}`, await tryCompose(args, timeout)),
    /** `docker compose …` with a file as its input or output. Throws when it fails. */
    transfer: (args: readonly string[], files: Pick<ProgramOptions, "input" | "output">, timeoutMs: Ms) =>
      runOrThrow("docker", toCompose(args), { ...options, ...files, timeoutMs }),
  };
}

type DockerClient = ReturnType<typeof createDockerClient>;

function requireSuccess(command: string, result: ProgramResult): string {
  if (result.status !== 0) throw new Error(describeDockerFailure(command, result));
  return result.stdout;
}

async function scanImage(docker: DockerClient, image: string, timeout: Ms): Promise<ImageScan> {
  for (const scanner of ["trivy", "grype"] as const) {
    const { status, stdout, stderr, problem } = await docker.tryProgram(
      scanner,
      SCANNERS[scanner].toArguments(image),
      timeout,
    );
    if (problem?.includes("ENOENT")) continue;
    if (status !== 0) return { kind: "not scanned", why: `${scanner} failed: ${problem ?? cleanLine(stderr, 200)}` };
    try {
      return { kind: "scanned", scanner, found: parseScan(scanner, stdout) };
    } catch {
      return { kind: "not scanned", why: `the answer of ${scanner} cannot be read` };
    }
  }
  return { kind: "not scanned", why: "neither trivy nor grype is installed" };
}

/**
 * The variable of an environment file that pins a version, such as `OPENCLAW_IMAGE=ghcr.io/openclaw/openclaw:2026.2.26`:
 * the version, and the file's text before and after it. Throws when there is not exactly one.
 */
function findPinnedVersion(path: string, variable: string): { before: string; version: string; after: string } {
  const createError = (message: string) => new GroundcrewError("bad_request", message);
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (!stats?.isFile())
    throw createError(`${path} ${stats ? "is not a regular file" : "does not exist"}. It must contain ${variable}.`);
  const text = readFileSync(path, "utf8");
  const lines = [...text.matchAll(new RegExp(`^(?:export )?${variable}=(["']?)([^"'\r\n]*)\\1[ \t]*$`, "gm"))];
  const [line] = lines;
  if (!line || lines.length > 1)
    throw createError(
      `${path} has ${lines.length} lines ${variable}=…, wanted: one, such as ${variable}=ghcr.io/openclaw/openclaw:2026.2.26. Use this variable for the image in the Compose file, or name yours as "variable".`,
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

/** The service's image with another version; undefined when it is not pinned by one. */
function replaceVersion({ image }: ComposeService, version: string): string | undefined {
  const parts = parsePinnedValue(image);
  return parts && `${parts.before}${version}${parts.after}`;
}

/** Checks that Docker's client, its daemon and the Compose plugin work, because everything else runs through them. */
async function checkDocker(docker: DockerClient, timeout: Ms): Promise<Finding> {
  const { ok, failed } = createReport("docker");
  const questions = { "docker compose version": [], "docker version": ["--format", "{{.Server.Version}}"] };
  const versions: string[] = [];
  for (const [command, options] of Object.entries(questions)) {
    const args = [...command.split(" ").slice(1), ...options];
    const result = await docker.tryDocker(args, Math.min(TIMEOUT, timeout));
    const known = findDockerProblem(result);
    if (result.status === 0) versions.push(cleanLine(result.stdout, 60));
    else if (known) return failed`${known.detail} → ${known.todo}`;
    else return failed`${describeDockerFailure(command, result)} → Run \`${command}\` and fix what it reports.`;
  }
  const [plugin, engine] = versions;
  return ok`Docker ${engine}, ${plugin}`;
}

/** Finds the cause when Docker itself does not work; undefined for every other failure. */
function findDockerProblem({ problem, stderr }: ProgramResult): DockerProblem | undefined {
  const text = `${problem ?? ""}\n${stderr}`;
  return KNOWN_PROBLEMS.find(({ pattern }) => pattern.test(text));
}

/** Checks that an image is on this machine or in its registry. Downloads nothing. */
async function checkImageExists(docker: DockerClient, image: string, timeout: Ms): Promise<Finding> {
  const { ok, warning, failed } = createReport("new version");
  const local = await docker.tryDocker(["image", "inspect", "--format", "{{.Id}}", image], Math.min(TIMEOUT, timeout));
  if (local.status === 0) return ok`${image} is on this machine`;
  const remote = await docker.tryDocker(["manifest", "inspect", image], Math.min(REGISTRY_TIMEOUT, timeout));
  if (remote.status === 0) return ok`the registry has ${image}`;
  const reason = describeDockerFailure("docker manifest inspect", remote);
  if (/no such manifest|manifest unknown|not found|denied|unauthorized/i.test(remote.stderr))
    return failed`the registry does not give ${image}: ${reason}
      → Choose a version that it has, or run \`docker login\`.`;
  return warning`the registry could not be asked for ${image}: ${reason} → The step fetch will tell.`;
}

/** Describes in one line why a command of Docker failed, and what to do when Docker itself does not work. */
export function describeDockerFailure(command: string, result: ProgramResult): string {
  const known = findDockerProblem(result);
  if (known) return `${command}: ${known.detail}. ${known.todo}`;
  return cleanLine(describeFailure(command, result), 400);
}
