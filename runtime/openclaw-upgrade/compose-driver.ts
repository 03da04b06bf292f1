/** The driver for OpenClaw in Docker Compose, with docker's known failures and checks of the Compose file. */

import { lstatSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { createReport, type Finding } from "../../functions/doctor/findings.ts";
import { parsePinnedValue } from "../../functions/doctor/versions.ts";
import { GroundcrewError } from "../../shared/errors.ts";
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
import { scanImage } from "./image-scans.ts";
import { type ComposeUpgradeSettings, reportEach, type UpgradeDriver } from "./upgrade-driver.ts";

/** A field that Compose leaves out or writes as null. */
const optional = <T>(schema: z.ZodType<T>, empty: T) => schema.nullish().transform((value) => value ?? empty);

const names = optional(z.array(z.string()), []);

const serviceSchema = z.object({
  image: z.string(),
  user: z.string().default("not set"),
  privileged: z.boolean().default(false),
  cap_drop: names,
  cap_add: names,
  security_opt: names,
  networks: optional(z.record(z.string(), z.unknown()), {}),
  volumes: optional(
    z.array(z.object({ source: z.string().optional(), target: z.string(), read_only: z.boolean().default(false) })),
    [],
  ),
});

type ComposeService = z.output<typeof serviceSchema>;

const configSchema = z.object({ services: z.record(z.string(), z.unknown()) });

const ALLOWED_CAPABILITIES = ["CHOWN", "SETGID", "SETUID"];

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
  const compose: RunProgram = async (args, timeout) => explainDocker(await docker(toCompose(args), timeout));
  const exec: RunProgram = (args, timeout) => compose(["exec", "-T", service, ...args], timeout);
  /** Standard output of `docker …`. Throws when it fails. */
  const runDocker = async (args: readonly string[], timeout: Ms) =>
    requireSuccess(`docker ${args[0]}`, explainDocker(await docker(args, timeout)));
  const runCompose = async (args: readonly string[], timeout: Ms) =>
    requireSuccess(`docker compose ${args[0]}`, await compose(args, timeout));
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
    ...{ kind: "compose", workspaces: [workspace], owner: user, readPinned, exec },
    pin(version) {
      // Everything else in the file, its mode included, stays.
      const { before, version: current, after } = findPinnedVersion(envFile, settings.variable);
      if (current !== version) replaceFile(envFile, before + version + after);
    },
    checkTools: (timeout) => checkDocker(docker, timeout),
    checks: {
      async container(_, to, timeout) {
        const service = await readService(timeout);
        const findings = checkComposeService(service, settings, readPinned());
        // An image that is not pinned by a version has its own finding.
        const image = replaceVersion(service.image, to);
        return image === undefined ? findings : [...findings, await checkImageExists(image, timeout)];
      },
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
    /** In a container of its own, with the same volumes. */
    transfer([program = "", ...args], files, timeoutMs) {
      const run = ["run", "--rm", "--no-deps", "-T", "--entrypoint", program, service, ...args];
      return runOrThrow("docker", toCompose(run), { ...options, ...files, timeoutMs });
    },
    runOpenclaw: (args, timeout) => exec([...settings.command, ...args], timeout),
    readLog: (since, timeout) =>
      runCompose(["logs", "--no-color", "--no-log-prefix", "--since", new Date(since).toISOString(), service], timeout),
    scanImage: async (version, timeoutMs) => scanImage(await toImage(version, timeoutMs), { ...options, timeoutMs }),
  };
}

/**
 * The variable of an environment file that pins a version, such as `OPENCLAW_IMAGE=ghcr.io/openclaw/openclaw:2026.2.26`:
 * the version, and the file's text before and after it. Throws when there is not exactly one.
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

/** An image with another version; undefined when it is not pinned by one. */
function replaceVersion(image: string, version: string): string | undefined {
  const parts = parsePinnedValue(image);
  return parts && parts.before + version + parts.after;
}

/** Checks that Docker's client, its daemon and the Compose plugin work, because everything else runs through them. */
async function checkDocker(docker: RunProgram, timeout: Ms): Promise<Finding> {
  const { ok, failed } = createReport("docker");
  const plugin = await docker(["compose", "version"], timeout);
  const engine = await docker(["version", "--format", "{{.Server.Version}}"], timeout);
  const failure = [plugin, engine].find(({ status }) => status !== 0);
  if (!failure) return ok`Docker ${cleanLine(engine.stdout, 60)}, ${cleanLine(plugin.stdout, 60)}`;
  const known = findDockerProblem(failure);
  if (known) return failed`${known.detail} → ${known.todo}`;
  return failed`${cleanLine(describeFailure("docker", failure), 400)}
    → Run \`docker version\` and \`docker compose version\`, and fix what they report.`;
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

/** Parses the service from `docker compose config --format json`. Throws an Error for people. */
export function parseComposeService(text: string, service: string): ComposeService {
  const { services } = configSchema.parse(JSON.parse(text));
  if (services[service] === undefined)
    throw new Error(`the Compose file has no service ${service}; it has ${Object.keys(services).join(", ") || "none"}`);
  return serviceSchema.parse(services[service]);
}

/** Checks what the Compose file says about the container: image, user, rights, networks, volumes and Docker's socket. */
export function checkComposeService(
  { image, user, privileged, volumes, ...service }: ComposeService,
  { user: wanted, networks, state, workspace, mounts }: ComposeUpgradeSettings,
  from: string,
): Finding[] {
  const added = service.cap_add.map((capability) => capability.replace(/^CAP_/, ""));
  const more = added.filter((capability) => !ALLOWED_CAPABILITIES.includes(capability));
  const powers = [
    ...(privileged ? ["the container is privileged"] : []),
    ...(service.cap_drop.includes("ALL") ? [] : ["cap_drop lacks ALL"]),
    ...(more.length > 0 ? [`cap_add has ${more.join(", ")}`] : []),
  ];
  const [profile] = service.security_opt.flatMap((option) => /^seccomp[:=](.*)$/.exec(option)?.[1] ?? []);
  const missing = networks.filter((network) => !(network in service.networks));
  const paths = [state, workspace, ...mounts];
  const targets = volumes.map(({ target }) => target.replace(/\/+$/, ""));
  const lost = paths.filter((path) => !targets.some((target) => path === target || path.startsWith(`${target}/`)));
  const sockets = volumes.filter(({ source, target }) => /docker\.sock$/.test(source ?? target));
  return reportEach({
    image: ({ ok, failed }) =>
      parsePinnedValue(image)?.version === from
        ? ok`${image}`
        : failed`the service's image is ${image}, but the environment file pins ${from}
            → Write the image with the variable in the Compose file, and without a digest or \`latest\`.`,
    user: ({ ok, failed }) =>
      user === wanted ? ok`${user}` : failed`user is ${user}, wanted ${wanted} → Set \`user: "${wanted}"\`.`,
    capabilities: ({ ok, failed }) =>
      powers.length > 0
        ? failed`${powers.join("; ")} → Drop ALL and add at most ${ALLOWED_CAPABILITIES.join(", ")}.`
        : ok`only ${added.join(", ") || "none"}`,
    seccomp: ({ ok, warning, failed }) => {
      if (profile === undefined) return ok`Docker's default profile`;
      if (profile === "unconfined") return failed`seccomp is off → Remove seccomp=unconfined from security_opt.`;
      return warning`a profile of your own
        → Try the new version with Docker's default first; keep the profile only if a system call is refused.`;
    },
    networks: ({ ok, failed }) =>
      missing.length > 0
        ? failed`not in ${missing.join(", ")} → Add them to the service, or change "networks".`
        : ok`${networks.join(", ") || "none wanted"}`,
    volumes: ({ ok, failed }) =>
      lost.length > 0
        ? failed`no volume holds ${lost.join(", ")}: a new container would lose it
            → Mount volumes there, or change "state" and "workspace".`
        : ok`${paths.join(", ")}`,
    // A container that may write to Docker's socket rules the machine; reading is what sandboxes need at most.
    "Docker socket": ({ ok, failed }) =>
      sockets.some(({ read_only }) => !read_only)
        ? failed`its mount can be written → Mount it with \`:ro\`, or use a proxy for it.`
        : ok`${sockets.length > 0 ? "mounted read-only" : "not mounted"}`,
  });
}
