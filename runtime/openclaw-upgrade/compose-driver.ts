/** The driver for OpenClaw in Docker Compose: docker's known failures, checks of the Compose file, scans of images. */

import { lstatSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { createReport, type Finding } from "../../functions/doctor/findings.ts";
import { parsePinnedValue } from "../../functions/doctor/openclaw.ts";
import { GroundcrewError, getErrorMessage } from "../../shared/errors.ts";
import { readPath } from "../../shared/omit-undefined.ts";
import { cleanLine, tryParseJson } from "../../shared/text.ts";
import { type Ms, SECOND } from "../../shared/time.ts";
import { replaceFile } from "../node/files.ts";
import {
  describeFailure,
  findExecutable,
  type ProgramOptions,
  type ProgramResult,
  pickVariables,
  requireSuccess,
  runOrThrow,
  runProgram,
} from "../node/programs.ts";
import { type Check, type ComposeUpgradeSettings, runChecks, type UpgradeDriver } from "./upgrade-driver.ts";

const names = z.array(z.string()).default([]);

const serviceSchema = z.object({
  image: z.string(),
  user: z.string().default("not set"),
  privileged: z.boolean().default(false),
  cap_drop: names,
  cap_add: names,
  security_opt: names,
  networks: z.record(z.string(), z.unknown()).default({}),
  volumes: z
    .array(z.object({ source: z.string().optional(), target: z.string(), read_only: z.boolean().default(false) }))
    .default([]),
});

type ComposeService = z.output<typeof serviceSchema>;

const ALLOWED_CAPABILITIES = ["CHOWN", "SETGID", "SETUID"];

type RunProgram = (args: readonly string[], timeoutMs: Ms) => Promise<ProgramResult>;

/** The tag that keeps the image of a rollback when others are removed. */
const toKeptImage = (version: string) => `groundcrew-rollback/openclaw:${version}`;

/** What `docker compose stop` may take beyond the grace that the container gets. */
const STOP_MARGIN: Ms = 5 * SECOND;

/** What the Docker client and the scanners need to find the engine, their settings and their caches. */
const PASSED_VARIABLES =
  /^(?:PATH|HOME|LANG|LC_ALL|TMPDIR|XDG_RUNTIME_DIR|DOCKER_\w+|COMPOSE_\w+|TRIVY_\w+|GRYPE_\w+|HTTPS?_PROXY|NO_PROXY)$/i;

/** Why no command of Docker can work, with what its client prints then and what to do. The first that fits counts. */
const KNOWN_PROBLEMS: Record<string, [pattern: RegExp, todo: string]> = {
  "the command docker is not installed, or not in PATH": [
    /^spawn docker (?:ENOENT|EACCES)/m,
    "Install Docker with its Compose plugin, or run the command on the machine that has OpenClaw's containers.",
  ],
  "Docker has no Compose plugin, so `docker compose` does not exist": [
    /unknown command: docker compose|'compose' is not a docker command|unknown flag: --env-file|unknown shorthand flag: 'T'/,
    "Install it (package docker-compose-plugin or docker-compose-v2); the old docker-compose does not count. `docker compose version` must answer.",
  ],
  "this user may not use Docker's daemon": [
    /permission denied while trying to connect to the (?:Docker daemon socket|docker API)/i,
    "Add the user to the group docker and log in again, or run the command as a user that may.",
  ],
  "Docker's daemon cannot be reached": [
    /Cannot connect to the Docker daemon|error during connect|failed to connect to the docker API|Is the docker daemon running/i,
    "Start it (`sudo systemctl start docker`), or fix DOCKER_HOST or the context. `docker version` must show a server.",
  ],
};

/** Each scanner with the arguments for JSON about an image, and the paths of lists and fields in it. */
const SCANNERS = [
  {
    name: "trivy",
    args: ["image", "--quiet", "--scanners", "vuln", "--format", "json"],
    lists: ["Results", "Vulnerabilities"],
    fields: ["VulnerabilityID", "PkgName", "Severity"],
  },
  {
    name: "grype",
    args: ["--quiet", "--output", "json"],
    lists: ["matches"],
    fields: ["vulnerability.id", "artifact.name", "vulnerability.severity"],
  },
];

const fieldsSchema = z.tuple([z.string(), z.string(), z.string().toLowerCase()]);

/** Limit of what a scanner prints in bytes: 64 MB. An image with thousands of vulnerabilities has more than 4 MB. */
const MAX_SCAN_BYTES = 64 * 2 ** 20;

/** Limit of new vulnerabilities that are named. */
const MAX_NEW = 50;

/** Checks of what the Compose file says about the container. `from`: the version that the environment file pins. */
const SERVICE_CHECKS: Record<string, Check<[ComposeService, ComposeUpgradeSettings, from: string]>> = {
  image: ({ ok, failed }, { image }, _, from) =>
    parsePinnedValue(image)?.version === from
      ? ok`${image}`
      : failed`the service's image is ${image}, but the environment file pins ${from}
          → Write the image with the variable in the Compose file, and without a digest or \`latest\`.`,
  user: ({ ok, failed }, { user }, { user: wanted }) =>
    user === wanted ? ok`${user}` : failed`user is ${user}, wanted ${wanted} → Set \`user: "${wanted}"\`.`,
  capabilities({ ok, failed }, { privileged, cap_drop, cap_add }) {
    const added = cap_add.map((capability) => capability.replace(/^CAP_/, ""));
    const more = added.filter((capability) => !ALLOWED_CAPABILITIES.includes(capability));
    const powers = [
      ...(privileged ? ["the container is privileged"] : []),
      ...(cap_drop.includes("ALL") ? [] : ["cap_drop lacks ALL"]),
      ...(more.length > 0 ? [`cap_add has ${more.join(", ")}`] : []),
    ];
    if (powers.length === 0) return ok`only ${added.join(", ") || "none"}`;
    return failed`${powers.join("; ")} → Drop ALL and add at most ${ALLOWED_CAPABILITIES.join(", ")}.`;
  },
  seccomp({ ok, warning, failed }, { security_opt }) {
    const [profile] = security_opt.flatMap((option) => /^seccomp[:=](.*)$/.exec(option)?.[1] ?? []);
    if (profile === undefined) return ok`Docker's default profile`;
    if (profile === "unconfined") return failed`seccomp is off → Remove seccomp=unconfined from security_opt.`;
    return warning`a profile of your own
      → Try the new version with Docker's default first; keep the profile only if a system call is refused.`;
  },
  networks({ ok, failed }, service, { networks }) {
    const missing = networks.filter((network) => !(network in service.networks));
    if (missing.length === 0) return ok`${networks.join(", ") || "none wanted"}`;
    return failed`not in ${missing.join(", ")} → Add them to the service, or change "networks".`;
  },
  volumes({ ok, failed }, { volumes }, { state, workspace, mounts }) {
    const paths = [state, workspace, ...mounts];
    const targets = volumes.map(({ target }) => target.replace(/\/+$/, ""));
    const lost = paths.filter((path) => !targets.some((target) => path === target || path.startsWith(`${target}/`)));
    if (lost.length === 0) return ok`${paths.join(", ")}`;
    return failed`no volume holds ${lost.join(", ")}: a new container would lose it
      → Mount volumes there, or change "state" and "workspace".`;
  },
  // A container that may write to Docker's socket rules the machine; reading is what sandboxes need at most.
  "Docker socket": ({ ok, failed }, { volumes }) => {
    const sockets = volumes.filter(({ source, target }) => /docker\.sock$/.test(source ?? target));
    if (sockets.every(({ read_only }) => read_only))
      return ok`${sockets.length > 0 ? "mounted read-only" : "not mounted"}`;
    return failed`its mount can be written → Mount it with \`:ro\`, or use a proxy for it.`;
  },
};

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
  const docker: RunProgram = async (args, timeoutMs) =>
    explainDocker(await runProgram("docker", args, { ...options, timeoutMs }));
  const exec: RunProgram = (args, timeout) => docker(toCompose(["exec", "-T", service, ...args]), timeout);
  /** Standard output of `docker …`. Throws when it fails. */
  const runDocker = async (args: readonly string[], timeout: Ms) =>
    requireSuccess(`docker ${args[0]}`, await docker(args, timeout));
  const runCompose = async (args: readonly string[], timeout: Ms) =>
    requireSuccess(`docker compose ${args[0]}`, await docker(toCompose(args), timeout));
  const hasImage = async (image: string, timeout: Ms) =>
    (await docker(["image", "inspect", "--format", "{{.Id}}", image], timeout)).status === 0;
  const readPinned = () => findPinnedVersion(envFile, settings.variable).version;

  async function readService(timeout: Ms): Promise<ComposeService> {
    const services = Object(
      readPath(JSON.parse(await runCompose(["config", "--format", "json"], timeout)), "services"),
    );
    if (services[service] !== undefined) return serviceSchema.parse(services[service]);
    throw new Error(`the Compose file has no service ${service}; it has ${Object.keys(services).join(", ") || "none"}`);
  }

  async function toImage(version: string, timeout: Ms): Promise<string> {
    const { image } = await readService(timeout);
    const parts = parsePinnedValue(image);
    if (!parts) throw new Error(`the image ${cleanLine(image, 100)} is not pinned by a version`);
    return parts.before + version + parts.after;
  }

  return {
    ...{ kind: "compose", workspaces: [workspace], owner: user, readPinned, exec },
    async pin(version, timeout) {
      const image = await toImage(version, timeout);
      if (!(await hasImage(image, timeout))) await runDocker(["tag", toKeptImage(version), image], timeout);
      // Everything else in the file, its mode included, stays.
      const { before, version: current, after } = findPinnedVersion(envFile, settings.variable);
      if (current !== version) replaceFile(envFile, before + version + after);
    },
    tools: ["docker compose version", "docker version"],
    runTool: (command, timeout) => docker(command.split(" ").slice(1), timeout),
    checks: {
      container: async (_, _to, timeout) =>
        runChecks(SERVICE_CHECKS, "Fix the Compose file.", await readService(timeout), settings, readPinned()),
      /** Whether the image is on this machine or in its registry. Downloads nothing. */
      async "new version"({ ok, warning, failed }, to, timeout) {
        const image = await toImage(to, timeout);
        if (await hasImage(image, timeout)) return ok`${image} is on this machine`;
        const remote = await docker(["manifest", "inspect", image], timeout);
        if (remote.status === 0) return ok`the registry has ${image}`;
        const reason = cleanLine(describeFailure("docker manifest inspect", remote), 400);
        if (/no such manifest|manifest unknown|not found|denied|unauthorized/i.test(remote.stderr))
          return failed`the registry does not give ${image}: ${reason}
            → Choose a version that it has, or run \`docker login\`.`;
        return warning`the registry could not be asked for ${image}: ${reason} → The step fetch will tell.`;
      },
    },
    async fetchVersion({ from, to }, timeout) {
      await runDocker(["pull", "--quiet", await toImage(to, timeout)], timeout);
      await runDocker(["tag", await toImage(from, timeout), toKeptImage(from)], timeout);
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
    /** In a container of its own, with the same volumes. */
    transfer([program = "", ...args], files, timeoutMs) {
      const run = ["run", "--rm", "--no-deps", "-T", "--entrypoint", program, service, ...args];
      return runOrThrow("docker", toCompose(run), { ...options, ...files, timeoutMs });
    },
    runOpenclaw: (args, timeout) => exec([...settings.command, ...args], timeout),
    readLog: (since, timeout) =>
      runCompose(["logs", "--no-color", "--no-log-prefix", "--since", new Date(since).toISOString(), service], timeout),
    scanImages: async ({ from, to }, timeout) =>
      compareImages(await toImage(from, timeout), await toImage(to, timeout), { ...options, timeoutMs: timeout / 2 }),
  };
}

/**
 * The variable of an environment file that pins a version, such as
 * `OPENCLAW_IMAGE=ghcr.io/openclaw/openclaw:2026.2.26`: the version, and the file's text before and after it. Throws
 * when there is not exactly one.
 */
function findPinnedVersion(path: string, variable: string): { before: string; version: string; after: string } {
  const text = lstatSync(path, { throwIfNoEntry: false })?.isFile() ? readFileSync(path, "utf8") : "";
  const pattern = new RegExp(`^(?:export )?${variable}=(["']?)([^"'\r\n]*)\\1[ \t]*$`, "gm");
  const [line, ...more] = text.matchAll(pattern);
  const parts = parsePinnedValue(line?.[2] ?? "");
  if (!line || !parts || more.length > 0)
    throw new GroundcrewError(
      "bad_request",
      `${path} must be a file with one line that pins a version of OpenClaw, such as ${variable}=ghcr.io/openclaw/openclaw:2026.2.26 (neither "latest" nor a digest can be compared). Use this variable for the image in the Compose file, or name yours as "variable".`,
    );
  const start = line.index + line[0].lastIndexOf(line[2] ?? "") + parts.before.length;
  return { before: text.slice(0, start), version: parts.version, after: text.slice(start + parts.version.length) };
}

/** A result that says why Docker itself does not work and what to do, where that is the cause. */
function explainDocker(result: ProgramResult): ProgramResult {
  const text = `${result.problem ?? ""}\n${result.stderr}`;
  const known = Object.entries(KNOWN_PROBLEMS).find(([, [pattern]]) => pattern.test(text));
  if (result.status === 0 || !known) return result;
  const [cause, [, todo]] = known;
  return { ...result, stderr: "", problem: `${cause}. ${todo}` };
}

/** What an image adds to another one, by the first scanner that is installed. A scan that fails is no failure. */
async function compareImages(before: string, after: string, options: ProgramOptions): Promise<Finding[]> {
  const { ok, skipped } = createReport("image scan");
  const scanner = SCANNERS.find(({ name }) => findExecutable(name, options.env["PATH"]));
  if (!scanner) return [skipped`not compared: neither trivy nor grype is installed`];
  try {
    const old = await scanImage(scanner, before, options);
    const current = await scanImage(scanner, after, options);
    const added = [...current].flatMap(([key, finding]) => (old.has(key) ? [] : [finding]));
    const gone = [...old.keys()].filter((key) => !current.has(key)).length;
    const summary = ok`${added.length} new vulnerabilities, ${gone} gone, ${current.size - added.length} in both`;
    return [summary, ...added.slice(0, MAX_NEW)];
  } catch (thrown) {
    return [skipped`not compared: ${getErrorMessage(thrown)}`];
  }
}

/** The findings about an image, by vulnerability and package. */
async function scanImage(
  { name, args, lists, fields }: (typeof SCANNERS)[number],
  image: string,
  options: ProgramOptions,
) {
  const result = await runProgram(name, [...args, image], { ...options, maxOutputBytes: MAX_SCAN_BYTES });
  let entries: unknown[] = [tryParseJson(requireSuccess(name, result))];
  if (!Array.isArray(readPath(entries[0], lists[0] ?? ""))) throw new Error(`the answer of ${name} cannot be read`);
  for (const list of lists) entries = entries.flatMap((entry) => readPath(entry, list) ?? []);
  const findings = entries.map((entry) => {
    const [id, place, severity] = fieldsSchema.parse(fields.map((path) => readPath(entry, path)));
    return [JSON.stringify([id, place]), createReport(cleanLine(id, 60)).warning`${severity}, in ${place}`] as const;
  });
  return new Map(findings);
}
