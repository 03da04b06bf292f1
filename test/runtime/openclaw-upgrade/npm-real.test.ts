import { mkdirSync, readFileSync, readlinkSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openNpmPrefix } from "../../../runtime/openclaw-upgrade/npm-driver.ts";
import { MINUTE } from "../../../shared/time.ts";
import { closeLocalServer, listenLocally } from "../../../simulators/local-server.ts";
import { formatModelStream } from "../../support/model-stream.ts";
import { runCli } from "../../support/program.ts";
import { findFreePort } from "../../support/redis-server.ts";
import { createTestFolder, writeFiles } from "../../support/test-folder.ts";
import { expectEnd } from "./compose-rig.ts";

const FROM = "2026.2.26";
const TO = "2026.9.6";
const HOOK_TOKEN = "marked-secret-hook-token";
/** 2026.2.26 takes a package from GitHub that the registry has as well. */
const OVERRIDES = { libsignal: "npm:libsignal@6.0.0" };

/** A model on this machine that answers every request with OK, in the form of OpenAI's streams. */
function createModelServer(): Server {
  return createServer(async (request, response) => {
    await text(request);
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.end(formatModelStream({ role: "assistant", content: "OK" }, "stop"));
  });
}

/**
 * Downloads two versions of OpenClaw from npm's registry and runs their gateways: minutes, and 1.5 GB on the disk. With
 * OPENCLAW_PREFIX a folder with both versions is used and kept.
 */
describe.skipIf(process.env["FULL"] === undefined)("groundcrew openclaw upgrade with npm's real packages", () => {
  const folder = createTestFolder("npm", afterAll);
  const prefix = process.env["OPENCLAW_PREFIX"] ?? join(folder, "prefix");
  const model = createModelServer();
  /** How this machine reaches the registry. */
  const NETWORK = /^(?:npm_config_\w+|HTTPS?_PROXY|NO_PROXY|NODE_EXTRA_CA_CERTS|SSL_CERT_\w+)$/i;
  const network = Object.entries(process.env).filter(([name]) => NETWORK.test(name)) as [string, string][];
  const env: Record<string, string> = {
    ...{ PATH: `${dirname(process.execPath)}:${process.env["PATH"]}`, HOME: folder },
    ...{ OPENCLAW_HOOK_TOKEN: HOOK_TOKEN, OPENCLAW_DISABLE_BONJOUR: "1", ...Object.fromEntries(network) },
  };

  /** The real command in a process of its own, for minutes. */
  const openclaw = (...args: string[]) => runCli(["openclaw", ...args], { cwd: folder, env, onEnd: () => {} });

  beforeAll(async () => {
    const modelPort = await listenLocally(model, 0);
    const port = await findFreePort();
    const state = join(folder, "state");
    const workspace = join(folder, "workspace/imhotep");
    mkdirSync(workspace, { recursive: true });
    const cost = { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 };
    const fake = {
      ...{ id: "fake", name: "fake", reasoning: false, input: ["text"] },
      ...{ cost, contextWindow: 200_000, maxTokens: 4096 },
    };
    const baseUrl = `http://127.0.0.1:${modelPort}/v1`;
    const provider = { baseUrl, apiKey: "marked-secret-model-key", api: "openai-completions" };
    const config = {
      gateway: { mode: "local", port, bind: "loopback", auth: { mode: "token", token: "marked-secret-gateway" } },
      hooks: { enabled: true, token: HOOK_TOKEN, path: "/hooks", allowedAgentIds: ["imhotep"] },
      models: { providers: { fake: { ...provider, models: [fake] } } },
      agents: {
        defaults: { model: { primary: "fake/fake" }, workspace },
        list: [{ id: "imhotep", default: true, workspace }],
      },
    };
    const settings = {
      ...{ driver: "npm", prefix, state, workspaces: [workspace], agent: "imhotep", overrides: OVERRIDES },
      ...{ gateway: `http://127.0.0.1:${port}`, records: join(folder, "records") },
    };
    writeFiles(folder, {
      "state/openclaw.json": config,
      "state/skills/plane-bridge/SKILL.md": readFileSync("skills/plane-bridge/SKILL.md"),
      "openclaw-upgrade.json": settings,
    });
  });

  afterAll(async () => {
    await openclaw("stop");
    await closeLocalServer(model);
  }, 600_000);

  test("UPG: an upgrade, an automatic rollback's steps and the way back run with both real gateways", {
    timeout: 2_400_000,
  }, async () => {
    const versions = openNpmPrefix(prefix, env);
    await versions.install(FROM, OVERRIDES, 20 * MINUTE);
    await versions.pin(FROM);
    const started = await openclaw("start");
    expect(started.exit, started.out + started.err).toBe(0);
    expectEnd(await openclaw("upgrade", "--from", FROM, "--to", TO, "--json"), 0, "completed");
    expect(readlinkSync(join(prefix, "current"))).toBe(TO);
    const back = expectEnd(await openclaw("rollback", "--json"), 0, "rolled_back");
    const seconds = back.steps.slice(-4).reduce((sum: number, step: { seconds: number }) => sum + step.seconds, 0);
    expect(seconds).toBeLessThan(120);
    // The old version refuses settings that the new one has rewritten, so these are the old ones.
    expect(JSON.parse(readFileSync(join(folder, "state/openclaw.json"), "utf8")).agents.list).toHaveLength(1);
  });
});
