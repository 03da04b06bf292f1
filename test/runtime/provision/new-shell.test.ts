import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { getTexts } from "../../../shared/i18n/texts.ts";
import { createPlaneSimulator } from "../../../simulators/plane/create-plane-simulator.ts";
import { ADMIN_EMAIL } from "../../functions/provision/provision-setup.ts";
import { startProgram, toCommand } from "../../support/program.ts";
import { findFreePort } from "../../support/redis-server.ts";
import { createTestFolder } from "../../support/test-folder.ts";

/** All that a new shell has. */
const NEW_SHELL = { PATH: process.env["PATH"] ?? "", HOME: "/nonexistent" };
const teamSchema = z.object({ agents: z.array(z.object({ name: z.string(), about: z.string() })) });
const secretsSchema = z.record(z.string(), z.union([z.string(), z.array(z.string())]));

test("after provisioning, npm start runs in a new shell, with only the written files: it processes a webhook and offers the ten agents with their strengths", async () => {
  const limits = { rateLimit: Number.POSITIVE_INFINITY, webhookAllowedHosts: ["127.0.0.1"] };
  const plane = createPlaneSimulator({ empty: true, autoDeliver: true, ...limits });
  const url = await plane.start();
  onTestFinished(() => plane.stop());
  const cwd = createTestFolder("new-shell");
  const port = await findFreePort();
  const env = {
    ...{ ...NEW_SHELL, PLANE_URL: url, PLANE_WORKSPACE: "javisi", PLANE_ADMIN_EMAIL: ADMIN_EMAIL },
    ...{ PLANE_WEBHOOK_TARGET: `http://127.0.0.1:${port}/webhooks/plane`, PORT: String(port), LOCALE: "fr" },
  };
  const start = (childEnv: Record<string, string>, ...program: Parameters<typeof toCommand>) =>
    startProgram(toCommand(...program), { cwd, env: childEnv });
  const run = (...given: Parameters<typeof start>) => start(...given).ended;
  const readText = (path: string) => readFileSync(join(cwd, path), "utf8");
  expect(await run(env, "provision", "--yes")).toMatchObject({ exit: 0 });
  expect(statSync(join(cwd, "data/connection.env")).mode & 0o777).toBe(0o600);
  expect(existsSync(join(cwd, ".env"))).toBe(false);
  const connection = readText("data/connection.env");
  for (const line of [`PLANE_URL=${url}`, "PLANE_WORKSPACE=javisi", `PORT=${port}`, "LOCALE=fr"])
    expect(connection.split("\n")).toContain(line);
  const secrets = secretsSchema.parse(JSON.parse(readText("data/secrets.json")));
  for (const secret of Object.values(secrets).flat()) expect(connection).not.toContain(secret);

  const { output } = start(NEW_SHELL, "start");
  const readLog = () => output.out;
  await expect.poll(readLog, { timeout: 30_000 }).toContain('"message":"listening"');
  expect((await run(NEW_SHELL, "doctor")).out).toMatch(/^ok +plane +1\.3\.1/m);
  // Now that Groundcrew answers, the webhook is enabled.
  expect(await run(NEW_SHELL, "provision", "--yes")).toMatchObject({ exit: 0 });
  const project = plane.projects().find(({ identifier }) => identifier === "ONB");
  const item = plane.items(project?.id ?? "").find(({ sequence_id }) => sequence_id === 1);
  // The first poll reports nothing, because the tasks existed before; the next one is minutes away.
  await expect.poll(readLog, { timeout: 30_000 }).toContain('"tick":"poll"');
  plane.editItem(item?.id ?? "", { priority: "urgent" }, { via: "browser" });
  await expect.poll(readLog, { timeout: 30_000 }).toMatch(/"item":"ONB-1","event":"priority"/);
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
  expect((await run(tokenFile, "cli", "list_my_tasks")).out).toContain("ONB-1");
  expect(readLog()).toMatch(/"route":"\/webhooks\/plane","status":200.*"event":"issue","action":"updated"/);
}, 120_000);
