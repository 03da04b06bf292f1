import { type ChildProcessByStdio, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { getTexts } from "../../../shared/i18n/texts.ts";
import { createPlaneSimulator } from "../../../simulators/plane/create-plane-simulator.ts";
import { ADMIN_EMAIL } from "../../functions/provision/provision-setup.ts";
import { getBuiltProgram } from "../../support/built-program.ts";
import { findFreePort } from "../../support/redis-server.ts";

/** All that a new shell has. */
const NEW_SHELL = { PATH: process.env["PATH"] ?? "", HOME: "/nonexistent" };
const teamSchema = z.object({ agents: z.array(z.object({ name: z.string(), about: z.string() })) });
const secretsSchema = z.record(z.string(), z.union([z.string(), z.array(z.string())]));

/** An empty Plane and an empty folder in which the real commands run. */
async function createEmptyPlane() {
  const plane = createPlaneSimulator({
    empty: true,
    autoDeliver: true,
    rateLimit: Number.POSITIVE_INFINITY,
    webhookAllowedHosts: ["127.0.0.1"],
  });
  const url = await plane.start();
  onTestFinished(() => plane.stop());
  const cwd = mkdtempSync(join(tmpdir(), "groundcrew-new-shell-"));
  onTestFinished(() => rmSync(cwd, { recursive: true, force: true }));
  const port = await findFreePort();
  const env = {
    ...NEW_SHELL,
    PLANE_URL: url,
    PLANE_WORKSPACE: "javisi",
    PLANE_ADMIN_EMAIL: ADMIN_EMAIL,
    PLANE_WEBHOOK_TARGET: `http://127.0.0.1:${port}/webhooks/plane`,
    PORT: String(port),
    LOCALE: "fr",
  };
  function start(file: string, args: string[], childEnv: Record<string, string>) {
    const child: ChildProcessByStdio<null, Readable, Readable> = spawn(
      process.execPath,
      ["--disable-warning=ExperimentalWarning", file, ...args],
      { cwd, env: childEnv, stdio: ["ignore", "pipe", "pipe"] },
    );
    onTestFinished(() => void child.kill("SIGKILL"));
    return child;
  }
  async function run(file: string, args: string[], childEnv: Record<string, string>) {
    const child = start(file, args, childEnv);
    const exited = new Promise<number | null>((settle) => child.once("exit", settle));
    const [exit, out, err] = await Promise.all([exited, text(child.stdout), text(child.stderr)]);
    return { exit, out, err };
  }
  const readText = (path: string) => readFileSync(join(cwd, path), "utf8");
  return { plane, cwd, port, url, env, start, run, readText };
}

test("after provisioning, npm start runs in a new shell, with only the written files: it processes a webhook and offers the ten agents with their strengths", async () => {
  const { plane, cwd, port, url, env, start, run, readText } = await createEmptyPlane();
  expect(await run(getBuiltProgram("provision"), ["--yes"], env)).toMatchObject({ exit: 0 });
  expect(statSync(join(cwd, "data/connection.env")).mode & 0o777).toBe(0o600);
  expect(existsSync(join(cwd, ".env"))).toBe(false);
  const connection = readText("data/connection.env");
  for (const line of [`PLANE_URL=${url}`, "PLANE_WORKSPACE=javisi", `PORT=${port}`, "LOCALE=fr"])
    expect(connection.split("\n")).toContain(line);
  const secrets = secretsSchema.parse(JSON.parse(readText("data/secrets.json")));
  for (const secret of Object.values(secrets).flat()) expect(connection).not.toContain(secret);

  const product = start(getBuiltProgram("start"), [], NEW_SHELL);
  let out = "";
  product.stdout.on("data", (data: Buffer) => {
    out += data;
  });
  await expect.poll(() => out, { timeout: 30_000 }).toContain('"message":"listening"');
  expect((await run(getBuiltProgram("doctor"), [], NEW_SHELL)).out).toMatch(/^ok +plane +1\.3\.1/m);
  // Now that Groundcrew answers, the webhook is enabled.
  expect(await run(getBuiltProgram("provision"), ["--yes"], NEW_SHELL)).toMatchObject({ exit: 0 });
  const project = plane.projects().find(({ identifier }) => identifier === "ONB");
  const item = plane.items(project?.id ?? "").find(({ sequence_id }) => sequence_id === 1);
  // The first poll reports nothing, because the tasks existed before; the next one is minutes away.
  await expect.poll(() => out, { timeout: 30_000 }).toContain('"tick":"poll"');
  plane.editItem(item?.id ?? "", { priority: "urgent" }, { via: "browser" });
  await expect.poll(() => out, { timeout: 30_000 }).toMatch(/"item":"ONB-1","event":"priority"/);
  const token = readText("data/agents/concierge/token").trim();
  const answer = await fetch(`http://127.0.0.1:${port}/agent/list_agents`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: "{}",
  });
  const { agents } = teamSchema.parse(await answer.json());
  const { personas } = getTexts("fr");
  expect(agents.map(({ name }) => name)).toEqual(Object.keys(personas));
  for (const { name, about } of agents) expect(about, name).toBe(Reflect.get(personas, name));
  const tokenFile = { ...NEW_SHELL, GROUNDCREW_TOKEN_FILE: "data/agents/imhotep/token" };
  expect((await run(getBuiltProgram("cli"), ["list_my_tasks"], tokenFile)).out).toContain("ONB-1");
  expect(out).toMatch(/"route":"\/webhooks\/plane","status":200.*"event":"issue","action":"updated"/);
}, 120_000);
