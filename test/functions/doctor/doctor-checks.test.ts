import { expect, test } from "vitest";
import { parseVersionOutput } from "../../../functions/doctor/openclaw.ts";
import { checkStore } from "../../../functions/doctor/store.ts";
import { readKnownVersions } from "../../../runtime/doctor/openclaw-probe.ts";
import { startGateway } from "../../support/openclaw-gateway.ts";
import { callPlane } from "../../support/plane-api.ts";
import {
  ACCOUNT_PASSWORD,
  createDoctorSetup,
  DOCTOR_BOT_TOKEN,
  getFindings,
  NO_OPENCLAW,
  WEBHOOK_TARGET,
} from "./doctor-setup.ts";

type Setup = Awaited<ReturnType<typeof createDoctorSetup>>;
type GatewayOptions = Partial<Parameters<typeof startGateway>[0]>;
/** What is wrong, the check that finds it, its finding, and what else the finding says to do. */
type Case = [title: string, change: (setup: Setup) => unknown, check: string, finding: string | RegExp, todo?: RegExp];

const HOOK_TOKEN = "marked-secret-hook-token";
const KNOWN = { plane: ["v1.3.1", "v1.2.2"], openclaw: ["2026.2.26", "2026.9.6"] };
const setEnv = (env: Record<string, string>) => (setup: Setup) => Object.assign(setup.env, env);

/** Puts an OpenClaw gateway behind the agent Imhotep. */
const useGateway = (options: GatewayOptions = {}, env: Record<string, string> = {}) => {
  return async (setup: Setup) => {
    const gateway = await startGateway({ version: "2026.9.6", token: HOOK_TOKEN, ...options });
    Object.assign(setup.env, { OPENCLAW_URL: gateway.url, OPENCLAW_HOOK_TOKEN: HOOK_TOKEN, ...env });
    Object.assign(setup.config.agents[0] ?? {}, { wake: "openclaw" });
    return gateway;
  };
};

/** Answers `openclaw --version` with this, while the gateway at `url` is down. */
const printVersion = (output: string, url: string) => (setup: Setup) => {
  Object.assign(setup.env, { OPENCLAW_URL: url, OPENCLAW_HOOK_TOKEN: HOOK_TOKEN });
  setup.extra.knownVersions = KNOWN;
  setup.extra.fetch = (input, init) =>
    String(input).startsWith(url) ? Promise.reject(new Error("down")) : fetch(input, init);
  const readVersion = async () => ({ kind: "exited" as const, code: 0, out: `${output}\n`, err: "" });
  setup.extra.skill = { ...NO_OPENCLAW, readVersion };
};

const setOtherWebhook = ({ env }: Setup) =>
  fetch(`${env["TELEGRAM_API_ROOT"]}/bot${DOCTOR_BOT_TOKEN}/setWebhook`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ url: "http://127.0.0.1:9/marked-secret-path" }),
  });

const revokeKey = ({ plane, env }: Setup) => plane.revokeKey(env["PLANE_API_KEY"] ?? "");
const swapKey = ({ env }: Setup) => Object.assign(env, { PLANE_API_KEY_IMHOTEP: env["PLANE_API_KEY"] });
const setWrongToken = setEnv({ TELEGRAM_BOT_TOKEN: "1000:marked-secret-wrong" });
const setWrongHookToken = useGateway({}, { OPENCLAW_HOOK_TOKEN: "marked-secret-wrong" });
const [known, unknown] = [useGateway({ sessionKeys: true }), useGateway({ agents: ["thot"] })];
const KNOWN_AGENT = 'ok: known as "imhotep"; it was not woken';
const UNKNOWN_AGENT = 'failed: the gateway does not know the agent "imhotep"';

const CASES: Case[] = [
  ["an invalid API key", revokeKey, "plane key", /^failed: .*not valid/],
  ["an agent's key of another account", swapKey, "agent Imhotep", /^failed: its API key belongs to ada@/],
  [
    "a Plane that was not tried",
    ({ extra }) => Object.assign(extra, { knownVersions: { ...KNOWN, plane: ["v1.2.2"] } }),
    "plane version",
    "warning: 1.3.1: Groundcrew was not tried with Plane 1.3, only with v1.2.2",
  ],
  [
    "an OpenClaw that was not tried",
    printVersion("OpenClaw 2026.7.2 (eb377ac)", "http://127.0.0.1:18789"),
    "openclaw version",
    "warning: 2026.7.2: Groundcrew was not tried with this version of OpenClaw, only with 2026.2.26, 2026.9.6",
  ],
  ["an agent that the gateway knows", known, "openclaw agent Imhotep", KNOWN_AGENT],
  ["an agent that the gateway does not know", unknown, "openclaw agent Imhotep", UNKNOWN_AGENT],
  ["a wrong hook token", setWrongHookToken, "openclaw", /^failed: .* refuses the hook token \(401\)/],
  [
    "a person who has not written to the bot",
    setEnv({ TELEGRAM_CHAT_ID: "43" }),
    "telegram chat",
    "failed: @groundcrew_bot cannot see the chat TELEGRAM_CHAT_ID=43: 400 Bad Request: chat not found",
    /They must write \/start to @groundcrew_bot first/,
  ],
  ["a wrong token of the bot", setWrongToken, "telegram", "failed: 401 Unauthorized"],
  [
    "a webhook of another program at the bot",
    setOtherWebhook,
    "telegram webhook",
    /^warning: updates are to be polled, but the bot has a webhook at http:\/\/127\.0\.0\.1:\d+, which prevents polling$/,
    /another program uses this bot/,
  ],
];

test.each(CASES)("The doctor's findings with %s are right, with no secret", async (_, change, name, finding, todo) => {
  const setup = await createDoctorSetup();
  const gateway = await change(setup);
  const findings = await setup.examine();
  if (typeof finding === "string") expect(getFindings(findings, name)).toBe(finding);
  else expect(getFindings(findings, name)).toMatch(finding);
  if (todo) expect(findings.checks.find((check) => check.name === name)?.todo).toMatch(todo);
  expect(findings.ok).toBe(!findings.checks.some(({ status }) => status === "failed"));
  expect(JSON.stringify(findings)).not.toMatch(new RegExp(`marked-secret|${ACCOUNT_PASSWORD}|${setup.webhook.secret}`));
  // The doctor wakes no agent.
  if (gateway && typeof gateway === "object" && "runs" in gateway) expect(gateway.runs).toEqual([]);
});

test("The doctor finds a healthy set-up in order, with three requests of the key's quota and two of each agent's", async () => {
  const { examine, plane, ada, imhotep } = await createDoctorSetup();
  const findings = await examine();
  expect(findings.checks.filter(({ status }) => status !== "ok")).toEqual([]);
  expect(findings.ok).toBe(true);
  expect(getFindings(findings, "plane")).toBe(
    "ok: 1.3.1, PLANE_COMMUNITY, with relations and with webhooks for edits through the API",
  );
  expect(getFindings(findings, "plane uploads")).toContain("5 MiB");
  expect(getFindings(findings, "plane key")).toBe("ok: valid, belongs to ada");
  expect(getFindings(findings, "plane workspace")).toBe("ok: javisi, projects ONB");
  expect(getFindings(findings, "plane quota")).toBe(
    "ok: 58 of 60 requests are left this minute; a team waits less with API_KEY_RATE_LIMIT=600/minute in Plane's environment and PLANE_RATE_LIMIT=600 here",
  );
  expect(getFindings(findings, "plane clock")).toMatch(/^ok: within \d s/);
  expect(getFindings(findings, "plane webhook")).toContain(`ok: ${WEBHOOK_TARGET} is enabled`);
  expect(getFindings(findings, "agent Imhotep")).toContain("ok: ");
  expect(getFindings(findings, "telegram")).toBe("ok: @groundcrew_bot");
  expect(getFindings(findings, "telegram webhook")).toBe("ok: none: updates are polled");
  const owners = plane.ledger.requests.filter(({ api }) => api).map(({ owner }) => owner);
  expect(owners.filter((id) => id === ada.id)).toHaveLength(3);
  expect(owners.filter((id) => id === imhotep.id)).toHaveLength(2);
});

test("The doctor's only finding about a Plane that does not answer is that", async () => {
  const { examine, plane } = await createDoctorSetup();
  await plane.takeDown();
  const findings = await examine();
  expect(findings.ok).toBe(false);
  expect(getFindings(findings, "plane")).toMatch(/^failed: Plane could not be reached .*ECONNREFUSED/);
  expect(findings.checks.filter(({ name }) => name.startsWith("plane"))).toHaveLength(1);
});

test("The doctor fails for an agent that was removed from a project that Groundcrew created", async () => {
  const { examine, plane, ada, imhotep, env } = await createDoctorSetup();
  const project = { name: "Website", identifier: "WEB", external_source: "groundcrew", external_id: "project:1" };
  const { id } = await callPlane(plane.url, env["PLANE_API_KEY"] ?? "", "POST", "projects/", project);
  plane.addProjectMember(id, imhotep);
  expect(getFindings(await examine(), "agent Imhotep")).toContain("ok: ");
  plane.removeProjectMember(id, imhotep.email);
  expect(getFindings(await examine(), "agent Imhotep")).toContain("failed: is not a member of Website (WEB)");
  plane.archiveProject(id, { by: ada });
  expect(getFindings(await examine(), "agent Imhotep")).toContain("ok: ");
});

test("UPG: the doctor knows the versions of compose/versions.env, and reads what both versions of OpenClaw print", () => {
  expect(readKnownVersions()).toEqual(KNOWN);
  expect(readKnownVersions("/nowhere/versions.env")).toEqual({ plane: undefined, openclaw: undefined });
  expect(parseVersionOutput("OpenClaw 2026.9.6 (eb377ac)\n")).toBe("2026.9.6");
  expect(parseVersionOutput("2026.2.26\n")).toBe("2026.2.26");
  expect(parseVersionOutput("update available: 2026.9.6\n")).toBeUndefined();
});

test.each([
  [{ network: "model", sandbox: "off" }, "ONB: network is model, which only a box keeps, and sandbox is off"],
  [{ cli: "codex", budget_usd: 5 }, "ONB: Codex reports no money, so that budget_usd cannot be kept"],
])("The doctor refuses a policy that contradicts itself: %j", async (repository, detail) => {
  const { config, examine } = await createDoctorSetup();
  Object.assign(config, { tickets: { repositories: { ONB: { path: "/srv/onb", ...repository } } } });
  const findings = await examine();
  expect(findings.ok).toBe(false);
  expect(findings.checks).toContainEqual({
    ...{ name: "policy", status: "failed", detail },
    todo: "Change tickets.repositories.ONB: until then no session starts.",
  });
});

const HEALTHY_REDIS = {
  ...{ redis_version: "7.0.15", role: "master", cluster_enabled: "0" },
  ...{ aof_enabled: "1", aof_last_write_status: "ok", maxmemory_policy: "noeviction" },
};

const HEALTHY_FILE_STORE = { kind: "file", folder: "data", mode: 0o700, file: true, writable: true } as const;

test.each([
  [{}, "ok", "Redis 7.0.15 with an append-only file and noeviction"],
  [{ aof_enabled: "0" }, "warning", "append-only"],
  [{ redis_version: "6.2.14" }, "failed", "6.2.14 is too old"],
  [{ aof_last_write_status: "err" }, "failed", "cannot write"],
] as const)("The doctor's check of a Redis that differs in %j has the status %s", (differs, status, detail) => {
  const checks = checkStore({ kind: "redis", info: { ...HEALTHY_REDIS, ...differs } }, { isAlive: false });
  expect(checks).toEqual([expect.objectContaining({ status, detail: expect.stringContaining(detail) })]);
});

test.each([
  [HEALTHY_FILE_STORE, true, "ok", "opened by the running Groundcrew"],
  [HEALTHY_FILE_STORE, false, "ok", "contains the embedded file"],
  [{ ...HEALTHY_FILE_STORE, mode: undefined }, false, "warning", "does not exist; Groundcrew would create it"],
  [{ ...HEALTHY_FILE_STORE, mode: undefined }, true, "failed", "does not exist, although Groundcrew is running"],
  [{ ...HEALTHY_FILE_STORE, file: false }, true, "failed", "contains no store, although Groundcrew is running"],
  [{ ...HEALTHY_FILE_STORE, disk: { free: 5e8, size: 1e12 } }, true, "warning", "has only 476 MiB free"],
  [{ ...HEALTHY_FILE_STORE, disk: { free: 4096, size: 1e12 } }, false, "failed", "is full"],
  [{ ...HEALTHY_FILE_STORE, mode: 0o755 }, false, "warning", "other users of this machine"],
  [{ kind: "memory" }, false, "warning", "lost with every restart"],
] as const)("The doctor's check of %j, the runtime alive: %s, has the status %s", (probe, isAlive, status, detail) => {
  expect(checkStore(probe, { isAlive })).toEqual([
    expect.objectContaining({ status, detail: expect.stringContaining(detail) }),
  ]);
});
