import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { RUNTIME_ENV } from "../support/test-runtime.ts";

/** Preloaded into the product: writes the address of every module that Node loads, dynamic imports included. */
const RECORD_MODULES = `
  import { appendFileSync } from "node:fs";
  import { registerHooks } from "node:module";
  registerHooks({
    load(url, context, nextLoad) {
      appendFileSync(process.env.LOADED_MODULES, url + "\\n");
      return nextLoad(url, context);
    },
  });
`;

/** Starts the product as `npm start` does, stops it once it listens, and returns the modules of this repository it loaded. */
async function recordLoadedModules(env: Record<string, string>): Promise<string[]> {
  const cwd = mkdtempSync(join(tmpdir(), "groundcrew-modules-"));
  onTestFinished(() => rmSync(cwd, { recursive: true }));
  const list = join(cwd, "modules.txt");
  const hook = `data:text/javascript,${encodeURIComponent(RECORD_MODULES)}`;
  const child = spawn(
    process.execPath,
    ["--disable-warning=ExperimentalWarning", "--import", hook, resolve("runtime/start.js")],
    { cwd, env: { ...env, LOADED_MODULES: list, NODE_DISABLE_COMPILE_CACHE: "1" }, stdio: ["ignore", "pipe", "pipe"] },
  );
  onTestFinished(() => void child.kill("SIGKILL"));
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (data: Buffer) => {
      output += data;
    });
  const exited = once(child, "exit");
  await expect.poll(() => output, { timeout: 15_000 }).toContain('"message":"listening"');
  child.kill("SIGTERM");
  await exited;
  return readFileSync(list, "utf8")
    .split("\n")
    .flatMap((url) => (url.startsWith("file:") ? [relative(resolve("."), fileURLToPath(url))] : []));
}

test("the product with settings loads no module of demo/ or simulators/", async () => {
  const modules = await recordLoadedModules({ ...RUNTIME_ENV, STORE_URL: "file:./store" });
  // runtime/start.js imports it dynamically, which shows that the record has dynamic imports.
  expect(modules).toContain("runtime/main.ts");
  expect(modules).toContain("functions/index.ts");
  expect(modules.filter((path) => /^(demo|simulators|test|bench)\//.test(path))).toEqual([]);
});
