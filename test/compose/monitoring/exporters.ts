import { expect } from "vitest";
import { startProgram } from "../../support/program.ts";
import { findFreePort } from "../../support/redis-server.ts";
import { createTestFolder } from "../../support/test-folder.ts";
import { findChoice, prepareChoice } from "../choices.ts";
import type { ComposeService } from "../compose-files.ts";

const WHOLE = "plane,embedded-data,caddy,monitoring";

/** A service of the overlay as Compose would start it. */
export function getMonitoringService(name: string): ComposeService {
  const service = prepareChoice(findChoice(WHOLE)).project.services[name];
  if (!service) throw new Error(`no service ${name}`);
  return service;
}

/** Starts an exporter and returns a function that reads its metrics. It is stopped at the end of the test. */
export async function startExporter(
  command: readonly string[],
  listenFlag: string,
  env: Record<string, string> = {},
): Promise<() => Promise<string>> {
  const port = await findFreePort();
  const { output } = startProgram([...command, `${listenFlag}=127.0.0.1:${port}`], { env });
  const read = async () => {
    const response = await fetch(`http://127.0.0.1:${port}/metrics`).catch(() => undefined);
    return response?.ok ? await response.text() : "";
  };
  // A program that does not start shows its reason as the text without metrics.
  await expect.poll(async () => (await read()) || output.err, { timeout: 20_000, interval: 50 }).toContain("# TYPE");
  return read;
}

/** A command line that starts another one in a container-like place: programs, its own /proc, and an empty /disk. */
export function wrapWithDisk(command: readonly string[]): string[] {
  const folder = createTestFolder("disk");
  const links = ["lib", "lib64", "bin"].flatMap((name) => ["--symlink", `usr/${name}`, `/${name}`]);
  const programs = ["--ro-bind", "/usr", "/usr", "--ro-bind", "/sys", "/sys", "--proc", "/proc", "--dev", "/dev"];
  const mounts = [...programs, "--bind", folder, "/disk"];
  return ["bwrap", ...mounts, ...links, "--unshare-pid", "--die-with-parent", ...command];
}
