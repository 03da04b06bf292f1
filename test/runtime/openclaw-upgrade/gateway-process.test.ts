import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { createGatewayProcess } from "../../../runtime/openclaw-upgrade/gateway-process.ts";
import { wait } from "../../../shared/time.ts";

function createGateway() {
  const folder = mkdtempSync(join(tmpdir(), "groundcrew-gateway-"));
  const paths = { folder, pidPath: join(folder, "gateway.json"), logPath: join(folder, "gateway.log") };
  const gateway = createGatewayProcess({ ...paths, clock: Date.now, wait });
  onTestFinished(async () => {
    await gateway.stop(5_000);
    rmSync(folder, { recursive: true, force: true });
  });
  return { ...paths, gateway };
}

test("UPG: a gateway is known although the command that started it was killed at once", async () => {
  const { gateway, pidPath, ...paths } = createGateway();
  const script = `import { createGatewayProcess } from ${JSON.stringify(resolve("runtime/openclaw-upgrade/gateway-process.ts"))};
    const options = ${JSON.stringify({ ...paths, pidPath })};
    void createGatewayProcess({ ...options, clock: Date.now, wait: async () => {} }).start("sleep", ["60"], { PATH: process.env.PATH });
    process.kill(process.pid, "SIGKILL");`;
  const killed = spawn(process.execPath, ["--input-type=module", "--eval", script], { stdio: "ignore" });
  expect(await once(killed, "exit")).toEqual([null, "SIGKILL"]);
  await expect.poll(gateway.identify, { timeout: 10_000 }).not.toBe("");
  expect(statSync(pidPath).mode & 0o777).toBe(0o600);
});

test("UPG: a gateway that is started twice runs once, and ends when it is stopped", async () => {
  const { gateway } = createGateway();
  const env = { PATH: process.env["PATH"] ?? "" };
  await gateway.start("sleep", ["60"], env);
  await gateway.start("false", [], env);
  expect(gateway.identify()).toMatch(/^\d+ \d+$/);
  await gateway.stop(5_000);
  expect(gateway.identify()).toBe("");
});
