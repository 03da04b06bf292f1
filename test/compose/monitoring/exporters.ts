import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished } from "vitest";
import { findFreePort } from "../../support/redis-server.ts";
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
  const [program = "", ...options] = [...command, `${listenFlag}=127.0.0.1:${port}`];
  const exporter = spawn(program, options, {
    env: { PATH: process.env["PATH"] ?? "", ...env },
    stdio: ["ignore", "ignore", "pipe"],
  });
  onTestFinished(() => kill(exporter));
  let errors = "";
  exporter.stderr.on("data", (data: Buffer) => {
    errors += data;
  });
  const read = async () => {
    const response = await fetch(`http://127.0.0.1:${port}/metrics`).catch(() => undefined);
    return response?.ok ? await response.text() : "";
  };
  // A program that does not start shows its reason as the text without metrics.
  await expect.poll(async () => (await read()) || errors, { timeout: 20_000, interval: 50 }).toContain("# TYPE");
  return read;
}

async function kill(child: ChildProcess): Promise<void> {
  const exited = once(child, "exit");
  if (child.exitCode === null && child.signalCode === null && child.kill("SIGKILL")) await exited;
}

/** A command line that starts another one in a container-like place: programs, its own /proc, and an empty /disk. */
export function wrapWithDisk(command: readonly string[]): string[] {
  const folder = mkdtempSync(join(tmpdir(), "groundcrew-disk-"));
  mkdirSync(join(folder, "disk"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const links = ["lib", "lib64", "bin"].flatMap((name) => ["--symlink", `usr/${name}`, `/${name}`]);
  const mounts = [
    "--ro-bind",
    "/usr",
    "/usr",
    "--proc",
    "/proc",
    "--dev",
    "/dev",
    "--ro-bind",
    "/sys",
    "/sys",
    "--bind",
    join(folder, "disk"),
    "/disk",
  ];
  return ["bwrap", ...mounts, ...links, "--unshare-pid", "--die-with-parent", ...command];
}
