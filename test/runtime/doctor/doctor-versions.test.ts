import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { closeLocalServer, listenLocally } from "../../../simulators/local-server.ts";
import { createDoctorSetup } from "../../functions/doctor/doctor-setup.ts";
import { createOpenClawMachine } from "./openclaw-machine.ts";

/** Answers as this Plane does, but reports another version. */
async function startPlaneOfVersion(url: string, version: string) {
  const server = createServer(async (request, response) => {
    const headers = Object.fromEntries(
      Object.entries(request.headers).flatMap(([name, value]) => (typeof value === "string" ? [[name, value]] : [])),
    );
    const answer = await fetch(url + request.url, { method: request.method ?? "GET", headers, redirect: "manual" });
    response.writeHead(answer.status, { "content-type": answer.headers.get("content-type") ?? "text/plain" });
    response.end((await answer.text()).replaceAll('"1.3.1"', JSON.stringify(version)));
  });
  const port = await listenLocally(server, 0);
  onTestFinished(() => closeLocalServer(server));
  return `http://127.0.0.1:${port}`;
}

/** Findings about versions of the real command in a process of its own, on a machine with this OpenClaw. */
async function runDoctorProcess(plane: string, openclaw: string) {
  const folder = mkdtempSync(join(tmpdir(), "groundcrew-doctor-versions-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const setUp = await createDoctorSetup();
  writeFileSync(join(folder, "crew.json"), JSON.stringify(setUp.config), { mode: 0o600 });
  const machine = createOpenClawMachine(`[ "$1" = --version ] && echo "${openclaw}"`);
  const env = {
    ...setUp.env,
    ...machine.env,
    PLANE_URL: await startPlaneOfVersion(setUp.env["PLANE_URL"] ?? "", plane),
    GROUNDCREW_CONFIG: join(folder, "crew.json"),
    SECRETS_FILE: join(folder, "secrets.json"),
    STORE_URL: `file:${folder}`,
    OPENCLAW_URL: "http://127.0.0.1:1",
    OPENCLAW_HOOK_TOKEN: "marked-secret-hook",
  };
  const output = await new Promise<string>((resolve) => {
    execFile(process.execPath, ["runtime/doctor.js", "--json"], { env, timeout: 60_000 }, (_error, out) =>
      resolve(out),
    );
  });
  const { checks } = JSON.parse(output) as { checks: { name: string; status: string; detail: string }[] };
  return checks.flatMap(({ name, status, detail }) => (/version$/.test(name) ? [`${status}: ${name}: ${detail}`] : []));
}

test("UPG: npm run doctor warns about versions of Plane and OpenClaw that Groundcrew was not tried with", async () => {
  expect(await runDoctorProcess("1.4.0", "OpenClaw 2026.7.2 (eb377ac)")).toEqual([
    "warning: plane version: 1.4.0: Groundcrew was not tried with Plane 1.4, only with v1.3.1, v1.2.2",
    "warning: openclaw version: 2026.7.2: Groundcrew was not tried with this version of OpenClaw, only with 2026.2.26, 2026.9.6",
  ]);
});

test("UPG: npm run doctor says nothing about the versions that compose/versions.env names", async () => {
  expect(await runDoctorProcess("1.3.1", "OpenClaw 2026.9.6 (eb377ac)")).toEqual([]);
});
