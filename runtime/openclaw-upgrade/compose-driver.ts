import { join } from "node:path";
import { reportFailure, reportOk } from "../../functions/doctor/check.ts";
import { parsePinnedValue } from "../../functions/doctor/openclaw-version.ts";
import { cleanLine } from "../../shared/clean-text.ts";
import { getErrorMessage } from "../../shared/errors.ts";
import { type Ms, SECOND } from "../../shared/time.ts";
import { checkDocker, checkImageExists } from "./check-docker.ts";
import { type ComposeService, checkComposeService, parseComposeService } from "./compose-service.ts";
import { describeDockerFailure } from "./describe-docker-failure.ts";
import { createDockerClient } from "./docker-client.ts";
import type { Finding } from "./finding.ts";
import { type ImageScan, parseScan, SCANNERS } from "./image-scan.ts";
import { listFileSecrets } from "./list-secrets.ts";
import { readPinnedVariable, writePinnedVariable } from "./pinned-variable.ts";
import { checkProcesses, parseProcessStatus } from "./process-status.ts";
import type { UpgradeDriver } from "./upgrade-driver.ts";
import type { ComposeUpgradeSettings } from "./upgrade-settings.ts";
import { checkWorkspace, FIND_FORMAT, parseWorkspaceEntries } from "./workspace-entries.ts";

/** Connects from inside the container; host and port are arguments, never part of the program. */
const CONNECT_SCRIPT =
  'const s=require("node:net").connect({host:process.argv[1],port:+process.argv[2]},()=>process.exit(0));' +
  's.on("error",(e)=>{console.error(e.code);process.exit(1)});s.setTimeout(5000,()=>{console.error("timeout");process.exit(1)})';

/** Empties the folders and unpacks the archive from standard input. The paths are arguments. */
const RESTORE_SCRIPT =
  'for path in "$@"; do find "$path" -mindepth 1 -delete || exit 1; done; exec tar -x -z -f - -C /';

/** What `docker compose stop` may take beyond the grace that the container gets. */
const STOP_MARGIN: Ms = 5 * SECOND;

/** OpenClaw as a service of a Compose project: the version is the tag of its image, in an environment file. */
export function createComposeDriver(
  settings: ComposeUpgradeSettings,
  env: Record<string, string | undefined>,
): UpgradeDriver {
  const { service, command, state, workspace, user } = settings;
  const envFile = join(settings.folder, settings.env_file);
  const docker = createDockerClient(env, settings.folder, envFile);
  const folders = [state, workspace];
  const [program = "node", ...programArguments] = command;
  const oneOff = (entrypoint: string) => ["run", "--rm", "--no-deps", "-T", "--entrypoint", entrypoint, service];
  const exec = (args: readonly string[], timeout: Ms) => docker.tryCompose(["exec", "-T", service, ...args], timeout);
  const readPinned = () => readPinnedVariable(envFile, settings.variable);

  async function readService(timeout: Ms): Promise<ComposeService> {
    return parseComposeService(await docker.runCompose(["config", "--format", "json"], timeout), service);
  }

  async function toImage(version: string, timeout: Ms): Promise<string> {
    const current = await readService(timeout);
    const image = replaceVersion(current, version);
    if (image === undefined) throw new Error(`the image ${cleanLine(current.image, 100)} is not pinned by a version`);
    return image;
  }

  async function checkConnection([name, target]: [string, string], timeout: Ms): Promise<Finding> {
    const url = new URL(target.includes("://") ? target : `tcp://${target}`);
    const port = url.port || (url.protocol === "https:" ? "443" : "80");
    const result = await exec(["node", "-e", CONNECT_SCRIPT, url.hostname, port], timeout);
    if (result.status === 0) return reportOk(`reach ${name}`, `${url.hostname}:${port}`);
    const reason = result.problem ?? cleanLine(result.stderr, 100);
    return reportFailure(`reach ${name}`, `${url.hostname}:${port}: ${reason}`, "Check the networks of both services.");
  }

  return {
    kind: "compose",
    readPinned,
    pin: (version) => writePinnedVariable(envFile, settings.variable, version),
    checkTools: (timeout) => checkDocker(docker, timeout),
    async checkInstallation(to, timeout) {
      const service = await readService(timeout);
      const findings = checkComposeService(service, settings, readPinned());
      // An image that is not pinned by a version has its own finding.
      const image = replaceVersion(service, to);
      if (image !== undefined) findings.push(await checkImageExists(docker, image, timeout));
      return findings;
    },
    async checkReach(timeout) {
      const findings: Finding[] = [];
      for (const entry of Object.entries(settings.reach)) findings.push(await checkConnection(entry, timeout));
      return findings;
    },
    async fetchVersion(version, timeout) {
      await docker.runDocker(["pull", "--quiet", await toImage(version, timeout)], timeout);
    },
    async stop(timeout) {
      const grace = Math.max(1, Math.floor((timeout - STOP_MARGIN) / SECOND));
      await docker.runCompose(["stop", "--timeout", String(grace), service], timeout);
    },
    async start(timeout) {
      await docker.runCompose(["up", "--detach", "--no-deps", "--no-build", "--pull", "never", service], timeout);
    },
    async backUp(archive, timeout) {
      const paths = folders.map((path) => path.slice(1));
      await docker.saveOutput([...oneOff("tar"), "-c", "-z", "-f", "-", "-C", "/", "--", ...paths], archive, timeout);
    },
    async restore(archive, timeout) {
      await docker.sendInput([...oneOff("sh"), "-c", RESTORE_SCRIPT, "sh", ...folders], archive, timeout);
    },
    runOpenclaw: (args, { timeout, running }) =>
      running
        ? exec([program, ...programArguments, ...args], timeout)
        : docker.tryCompose([...oneOff(program), ...programArguments, ...args], timeout),
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
      const inspect = async (name: string, read: () => Promise<Finding[]>) => {
        try {
          return await read();
        } catch (thrown) {
          return [reportFailure(name, getErrorMessage(thrown), "Look into the container by hand.")];
        }
      };
      // A process may end while its file is read, so the exit code says nothing.
      const processes = await inspect("process users", async () => {
        const result = await exec(["sh", "-c", "cat /proc/[0-9]*/status"], timeout);
        return checkProcesses(parseProcessStatus(result.stdout), user);
      });
      const files = await inspect("workspace", async () => {
        const find = ["exec", "-T", service, "find", workspace, "-maxdepth", "2", "-printf", FIND_FORMAT];
        return [checkWorkspace(parseWorkspaceEntries(await docker.runCompose(find, timeout)), user)];
      });
      return [...processes, ...files];
    },
    async scanImage(version, timeout): Promise<ImageScan> {
      const image = await toImage(version, timeout);
      for (const scanner of ["trivy", "grype"] as const) {
        const result = await docker.tryProgram(scanner, SCANNERS[scanner](image), timeout);
        if (result.problem?.includes("ENOENT")) continue;
        if (result.status !== 0)
          return { kind: "not scanned", why: `${scanner} failed: ${result.problem ?? cleanLine(result.stderr, 200)}` };
        try {
          return { kind: "scanned", scanner, found: parseScan(scanner, result.stdout) };
        } catch {
          return { kind: "not scanned", why: `the answer of ${scanner} cannot be read` };
        }
      }
      return { kind: "not scanned", why: "neither trivy nor grype is installed" };
    },
    listSecrets: () => listFileSecrets(envFile),
  };
}

/** The service's image with another version; undefined when it is not pinned by one. */
function replaceVersion({ image }: ComposeService, version: string): string | undefined {
  const parts = parsePinnedValue(image);
  return parts && `${parts.before}${version}${parts.after}`;
}
