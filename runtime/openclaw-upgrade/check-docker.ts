import { reportFailure, reportOk, reportWarning } from "../../functions/doctor/check.ts";
import { cleanLine } from "../../shared/clean-text.ts";
import { type Ms, SECOND } from "../../shared/time.ts";
import type { ProgramResult } from "../runner/run-program.ts";
import { describeDockerFailure, findDockerProblem } from "./describe-docker-failure.ts";
import type { DockerClient } from "./docker-client.ts";
import type { Finding } from "./finding.ts";

/** Timeout for a question to Docker about itself: 20 s; a daemon that starts answers late. */
const TIMEOUT: Ms = 20 * SECOND;

const NAME = "docker";

/** Checks that Docker's client, its daemon and the Compose plugin work, because everything else runs through them. */
export async function checkDocker(docker: DockerClient, timeout: Ms): Promise<Finding> {
  const limit = Math.min(TIMEOUT, timeout);
  const compose = await docker.tryDocker(["compose", "version"], limit);
  if (compose.status !== 0) return reportProblem("docker compose version", compose);
  const server = await docker.tryDocker(["version", "--format", "{{.Server.Version}}"], limit);
  if (server.status !== 0) return reportProblem("docker version", server);
  const [engine, plugin] = [server, compose].map(({ stdout }) => cleanLine(stdout, 60));
  return reportOk(NAME, `Docker ${engine}, ${plugin}`);
}

/** Timeout for a question to a registry: 30 s. */
const REGISTRY_TIMEOUT: Ms = 30 * SECOND;

/** Checks that an image is on this machine or in its registry. Downloads nothing. */
export async function checkImageExists(docker: DockerClient, image: string, timeout: Ms): Promise<Finding> {
  const name = "new version";
  const local = await docker.tryDocker(["image", "inspect", "--format", "{{.Id}}", image], Math.min(TIMEOUT, timeout));
  if (local.status === 0) return reportOk(name, `${image} is on this machine`);
  const limit = Math.min(REGISTRY_TIMEOUT, timeout);
  const remote = await docker.tryDocker(["manifest", "inspect", image], limit);
  if (remote.status === 0) return reportOk(name, `the registry has ${image}`);
  const reason = describeDockerFailure("docker manifest inspect", remote);
  if (/no such manifest|manifest unknown|not found|denied|unauthorized/i.test(remote.stderr))
    return reportFailure(
      name,
      `the registry does not give ${image}: ${reason}`,
      "Choose a version that it has, or run `docker login`.",
    );
  return reportWarning(name, `the registry could not be asked for ${image}: ${reason}`, "The step fetch will tell.");
}

function reportProblem(command: string, result: ProgramResult): Finding {
  const known = findDockerProblem(result);
  if (known) return reportFailure(NAME, known.detail, known.todo);
  return reportFailure(NAME, describeDockerFailure(command, result), `Run \`${command}\` and fix what it reports.`);
}
