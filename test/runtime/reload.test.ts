import { Hono } from "hono";
import { expect, test } from "vitest";
import { manifest as productManifest } from "../../functions/index.ts";
import type { Route, Service } from "../../shared/app/deps.ts";
import { NEW, OLD, requestStatus, startWithSecretsFile } from "./secrets-file-runtime.ts";

test("A reload finishes running work under the old settings, and never runs a service twice at a time", async () => {
  let finish = () => {};
  const gate = new Promise<void>((resolve) => {
    finish = resolve;
  });
  let hasStarted = false;
  const slow: Route = {
    path: "/slow",
    access: "public",
    app: (deps) =>
      new Hono().get("/", async (c) => {
        hasStarted = true;
        await gate;
        return c.text(deps.settings.adminTokens[0] ?? "");
      }),
  };
  const serviceRuns: string[] = [];
  const service: Service = {
    name: "told",
    async run(deps) {
      serviceRuns.push(`begins ${deps.settings.adminTokens[0]}`);
      await deps.wait(60_000, deps.stopping);
      serviceRuns.push(`ends ${deps.settings.adminTokens[0]}`);
    },
  };
  const { runtime, url, write } = await startWithSecretsFile({
    routes: [...productManifest.routes, slow],
    services: [service],
  });
  const answer = fetch(`${url}/slow`).then((response) => response.text());
  await expect.poll(() => hasStarted).toBe(true);
  write({ ADMIN_TOKEN: NEW.admin });
  await expect.poll(() => requestStatus(`${url}/dead-letters`, NEW.admin)).toBe(200);
  expect(serviceRuns).toEqual([`begins ${OLD.admin}`]);
  finish();
  expect(await answer).toBe(OLD.admin);
  await expect.poll(() => serviceRuns).toEqual([`begins ${OLD.admin}`, `ends ${OLD.admin}`, `begins ${NEW.admin}`]);
  await runtime.stop();
  expect(serviceRuns.at(-1)).toBe(`ends ${NEW.admin}`);
});

test("A reload: during which the runtime is stopped starts nothing", async () => {
  const serviceRuns: string[] = [];
  const service: Service = {
    name: "told",
    async run(deps) {
      serviceRuns.push("begins");
      await deps.wait(60_000, deps.stopping);
      serviceRuns.push("ends");
    },
  };
  const { runtime } = await startWithSecretsFile({ services: [service] });
  const { settings } = runtime.deps;
  const reloading = runtime.reload({ ...settings, adminTokens: [NEW.admin] });
  const stopped = runtime.stop();
  await Promise.all([reloading, stopped]);
  expect(serviceRuns.filter((word) => word === "begins").length).toBe(
    serviceRuns.filter((word) => word === "ends").length,
  );
  await expect(fetch(`${runtime.url}/health`)).rejects.toThrow();
});
