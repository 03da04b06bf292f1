import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { parseEnv } from "node:util";
import { expect, test } from "vitest";
import { ENVIRONMENT_NAMES } from "../../../shared/config/environment.ts";
import { isGuessableSecret, PROVISION_SECRET_NAMES, SECRET_NAMES } from "../../../shared/config/secrets.ts";
import {
  createTestSettings,
  getSettingsProblems,
  PLANE_ENV,
  parseTestSettings,
  TELEGRAM_ENV,
} from "../../support/settings.ts";

test("An empty environment starts the demo on loopback, with an embedded store and without access for anybody", () => {
  expect(createTestSettings({})).toMatchObject({
    ...{ demo: true, host: "127.0.0.1", port: 8787, allowedHosts: ["localhost", "127.0.0.1", "[::1]"] },
    ...{ store: { url: "file:./data", prefix: "groundcrew" }, secretsFile: "data/secrets.json" },
    ...{ adminTokens: [], tickTokens: [], alertsTokens: [], runnerTokens: [], agentTokens: [], trustedProxies: [] },
    ...{ allowedOrigins: [], agents: [], notifications: [], forward: [], schedules: [], secrets: [] },
  });
});

test("Plane and Telegram are read with normal forms of their URL, projects, secrets and users", () => {
  const settings = createTestSettings({
    ...PLANE_ENV,
    ...TELEGRAM_ENV,
    PLANE_URL: "https://plane.example.com/",
    PLANE_PROJECTS: "onb, OPS",
    PLANE_WEBHOOK_SECRET: "plane_wh_new12345,plane_wh_old12345",
    TELEGRAM_ALLOWED_USERS: "12,34",
  });
  expect(settings.demo).toBe(false);
  expect(settings.plane).toMatchObject({
    ...{ url: "https://plane.example.com", apiKey: PLANE_ENV.PLANE_API_KEY, projects: ["ONB", "OPS"] },
    webhookSecrets: ["plane_wh_new12345", "plane_wh_old12345"],
  });
  expect(settings.telegram).toMatchObject({ chat: -1001234567890, allowedUsers: [12, 34], mode: "polling" });
});

test("Problems are reported all at once, each with name, given value and wanted value", () => {
  const problems = getSettingsProblems({
    HOST: "not a host",
    PORT: "70000",
    METRICS_PORT: "x",
    PUBLIC_URL: "crew.example.com",
    ALLOWED_HOSTS: "https://crew.example.com",
    TRUSTED_PROXIES: "10.0.0.0/33",
    PLANE_URL: "ftp://plane",
    PLANE_WORKSPACE: "two words",
    PLANE_RATE_LIMIT: "0",
    STORE_URL: "postgres://x",
    STORE_PREFIX: "a b",
    TELEGRAM_CHAT_ID: "me",
    TELEGRAM_ALLOWED_USERS: "@ada",
    POLL_CRON: "every minute",
    LOCALE: "de",
    TIMEZONE: "Mars/Olympus",
    LOG_LEVEL: "loud",
    WEBHOOK_MAX_BYTES: "1",
    GROUNDCREW_CONFIG: "nowhere.json",
  });
  const named = Object.fromEntries(problems.map((problem) => [problem.name, problem]));
  expect(Object.keys(named).sort()).toEqual(
    [
      "ALLOWED_HOSTS GROUNDCREW_CONFIG HOST LOCALE LOG_LEVEL METRICS_PORT PLANE_API_KEY PLANE_RATE_LIMIT PLANE_URL",
      "PLANE_WORKSPACE POLL_CRON PORT PUBLIC_URL STORE_PREFIX STORE_URL TELEGRAM_ALLOWED_USERS TELEGRAM_BOT_TOKEN",
      "TELEGRAM_CHAT_ID TIMEZONE TRUSTED_PROXIES WEBHOOK_MAX_BYTES",
    ].flatMap((line) => line.split(" ")),
  );
  const wanted = "a port number from 0 to 65535 (0: any free one)";
  expect(named["PORT"]).toEqual({ name: "PORT", given: '"70000"', wanted });
  expect(problems.every((problem) => problem.wanted.length > 5 && problem.given.length > 0)).toBe(true);
});

test.each([
  ["redis://:marked@Redis.internal/1", 1],
  ["redis://redis.internal/2", 0],
  ["file:./data", 0],
])("Problems include the database of Plane's Redis, which it empties, as STORE_URL=%s: %i", (STORE_URL, count) => {
  const PLANE_REDIS_URL = "redis://u:marked@redis.internal:6379/1";
  const problems = getSettingsProblems({ ...PLANE_ENV, STORE_URL, PLANE_REDIS_URL });
  expect(problems.map(({ name }) => name)).toEqual(Array.from({ length: count }, () => "STORE_URL"));
  expect(JSON.stringify(problems)).not.toContain("marked");
});

test("Problems never contain a secret's value, not even one in a URL (reliability 21)", () => {
  const parsed = parseTestSettings(
    {
      PLANE_URL: "https://ada:marked-one@plane.example.com/api/v1",
      PLANE_API_KEY: "marked two",
      PLANE_API_KEY_THOT: "marked three",
      PLANE_WEBHOOK_SECRET: "marked four",
      STORE_URL: "postgres://:marked-five@db",
      TELEGRAM_BOT_TOKEN: "marked-six",
      ADMIN_TOKEN: "marked7",
      TICK_TOKEN_FILE: "/run/secrets/tick",
      PLANE_TOKEN: "marked-eight",
      GROUNDCREW_CONFIG: "crew.json",
    },
    {
      "/run/secrets/tick": "marked 9",
      "data/secrets.json": JSON.stringify({ "marked-ten": "marked-eleven", TELEGRAM_WEBHOOK_SECRET: 12 }),
      "crew.json": JSON.stringify({ forward: [{ url: "http://a:marked-13@b/", secret: "marked-14" }] }),
    },
  );
  expect(parsed.ok).toBe(false);
  const text = JSON.stringify(parsed).replace("marked-ten", "");
  expect(text).not.toMatch(/marked/);
});

const exampleText = readFileSync(".env.example", "utf8");

test(".env.example names every setting once and no other, explains each in the line above it, and marks each secret", () => {
  const secrets = [...SECRET_NAMES, ...PROVISION_SECRET_NAMES, "PLANE_API_KEY_<AGENT>", "AGENT_TOKEN_<AGENT>"];
  const examples = [...exampleText.matchAll(/^(.*)\n#([A-Z_]+(?:<AGENT>)?)=/gm)];
  expect(examples.map(([, , name]) => name).sort()).toEqual([...ENVIRONMENT_NAMES, ...secrets].sort());
  for (const [, above = "", name = ""] of examples) {
    expect(above, name).toMatch(/^# .{10,}\.$/);
    expect(above.includes("(secret"), name).toBe(secrets.includes(name));
  }
});

test(".env.example contains valid examples and correct defaults", () => {
  const examples = parseEnv(exampleText.replace(/^#(?=[A-Z_]+=[^…\n]*$)/gm, ""));
  expect(Object.keys(examples).length).toBeGreaterThan(20);
  const { GROUNDCREW_CONFIG: _, ...env } = examples;
  const settings = createTestSettings({ ...env, ...PLANE_ENV, ...TELEGRAM_ENV });
  const { host, port, store, pollCron, locale, ...plain } = createTestSettings({ ...PLANE_ENV, ...TELEGRAM_ENV });
  const { logLevel, secretsFile, webhookLimit } = plain;
  expect(settings).toMatchObject({ host, port, store, pollCron, locale, logLevel, secretsFile, webhookLimit });
});

const ADMIN = "admin-token-0123456789";

test("The secrets file adds secrets that the environment lacks, with several values during a rotation", () => {
  const file = {
    PLANE_API_KEY: "plane_api_kept",
    PLANE_WEBHOOK_SECRET: ["new-secret", "old-secret"],
    ADMIN_TOKEN: ADMIN,
  };
  const keyless = { ...PLANE_ENV, PLANE_API_KEY: undefined };
  const settings = createTestSettings(keyless, { "data/secrets.json": JSON.stringify(file) });
  expect(settings.plane?.apiKey).toBe("plane_api_kept");
  expect(settings.plane?.webhookSecrets).toEqual(["new-secret", "old-secret"]);
  expect(settings.adminTokens).toEqual([ADMIN]);
});

test.each(["ADMIN_TOKEN", "TICK_TOKEN", "RUNNER_TOKEN"])("%s can be a list, of which all are redacted", (name) => {
  const tokens = ["today-0123456789-01", "before-0123456789-01"];
  const fromFile = createTestSettings(PLANE_ENV, { "data/secrets.json": JSON.stringify({ [name]: tokens }) });
  const fromEnvironment = createTestSettings({ ...PLANE_ENV, [name]: tokens.join() });
  for (const settings of [fromFile, fromEnvironment]) expect(settings.secrets).toEqual(expect.arrayContaining(tokens));
  const short = JSON.stringify({ [name]: [...tokens, "0123456789-mark"] });
  expect(getSettingsProblems(PLANE_ENV, { "data/secrets.json": short })).toMatchObject([{ name }]);
});

test("The secrets file that others may read is refused", () => {
  for (const mode of [0o644, 0o640, 0o660, 0o604, 0o700])
    expect(getSettingsProblems({}, { "data/secrets.json": { text: "{}", mode } })[0]).toMatchObject({
      name: "SECRETS_FILE data/secrets.json",
      wanted: expect.stringContaining("0600"),
    });
});

test("The values to redact from logs are all secrets, the store's password, and the secrets and whole URLs of hooks", () => {
  const secret = `whsec_${"A".repeat(32)}`;
  const urls = ["https://N8N.example.com/hook/of nobody?key=1", "https://other.example.com"];
  const tokens = {
    PLANE_WEBHOOK_SECRET: "hook-new1,hook-old1",
    TELEGRAM_WEBHOOK_SECRET: "telegram-secret-01",
    ADMIN_TOKEN: ADMIN,
    TICK_TOKEN: "tick-token-0123456789",
    RUNNER_TOKEN: "runner-token-of-today,runner-token-before",
  };
  const others = { STORE_URL: "redis://:pa%2Fss@redis:6379/1", GROUNDCREW_CONFIG: "c" };
  const config = JSON.stringify({ forward: urls.map((url) => ({ url, secret })) });
  const settings = createTestSettings({ ...PLANE_ENV, ...TELEGRAM_ENV, ...tokens, ...others }, { c: config });
  const expected = [
    ...Object.values(tokens).flatMap((list) => list.split(",")),
    ...[PLANE_ENV.PLANE_API_KEY, TELEGRAM_ENV.TELEGRAM_BOT_TOKEN, "pa%2Fss", "pa/ss", secret],
    "https://n8n.example.com/hook/of%20nobody?key=1",
  ];
  expect(settings.secrets.sort()).toEqual(expected.sort());
});

const GUESSABLE = `changemechangeme change-me-change-me changeme-production CHANGE_ME_PLEASE_123 your-token-here-1234
<your-admin-token> insert-your-token-here your-32-character-secret-here replace-me-with-a-real-token
example-admin-token this-is-a-secret-token supersecretsupersecret password12345678 groundcrew-admin-token
runner-token-2024 aaaaaaaaaaaaaaaa abababababababab deadbeefdeadbeef 0000000000000001 1234567890123456
0987654321098765 0123456789abcdef abcdefghijklmnop qwertyuiopasdfghjkl azertyuiopqsdfgh 1qaz2wsx3edc4rfv
1q2w3e4r5t6y7u8i !@#$%^&*()!@#$%^`;

test("Words of templates, repeated parts and walks over the keyboard are guessable, and phrases are taken", () => {
  for (const secret of GUESSABLE.split(/\s+/)) expect(isGuessableSecret(secret), secret).toBe(true);
  const names = ["tick-token-0123456789", "admin-token-of-tests", "the-new-admin-token"];
  for (const secret of ["0123456789-marks", "correct-horse-battery", ...names])
    expect(isGuessableSecret(secret), secret).toBe(false);
});

test("Every random secret of openssl is taken", () => {
  const encodings = [{ hex: 8 }, { hex: 32 }, { base64: 12 }].flatMap((one) => Object.entries(one));
  for (const [encoding, bytes] of encodings) {
    const secrets = Array.from({ length: 1_000 }, () => randomBytes(bytes).toString(encoding as BufferEncoding));
    expect(secrets.filter(isGuessableSecret)).toEqual([]);
  }
});

const IMHOTEP = "bridge-token-of-imhotep";
const HASH = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

const createConfigFiles = (...agents: object[]) => ({ c: JSON.stringify({ agents }) });
const imhotep = { name: "Imhotep", email: "imhotep@javisi.local" };
const r2d2 = { name: "R2-D2", email: "r2d2@javisi.local" };
const env = { ...PLANE_ENV, GROUNDCREW_CONFIG: "c" };

test("AGENT_TOKEN_<AGENT> is found by the agent's name in every source of secrets", () => {
  const files = {
    ...createConfigFiles(imhotep, r2d2),
    "/token": `${IMHOTEP}\n`,
    "data/secrets.json": JSON.stringify({ AGENT_TOKEN_R2_D2: ["the-new-token-of-r2", "the-old-token-of-r2"] }),
  };
  const { agentTokens, secrets } = createTestSettings({ ...env, AGENT_TOKEN_IMHOTEP_FILE: "/token" }, files);
  expect(agentTokens).toEqual([
    { agent: "Imhotep", role: "worker", tokens: [IMHOTEP] },
    { agent: "R2-D2", role: "worker", tokens: ["the-new-token-of-r2", "the-old-token-of-r2"] },
  ]);
  expect(secrets).toEqual(expect.arrayContaining([IMHOTEP, "the-new-token-of-r2", "the-old-token-of-r2"]));
});

const WRONG_TOKENS = ["sha256:", "sha256:abc", `sha256:${HASH}0`, "two words", "ünprintable-token"];

test.each(WRONG_TOKENS)("AGENT_TOKEN_<AGENT> is refused with the value %j", (token) => {
  const problems = getSettingsProblems({ ...env, AGENT_TOKEN_IMHOTEP: token }, createConfigFiles(imhotep));
  const wanted = expect.stringContaining("sha256: and 64 hex");
  expect(problems).toMatchObject([{ name: "AGENT_TOKEN_IMHOTEP", wanted }]);
  expect(JSON.stringify(problems)).not.toContain(token.slice(7) || "no value");
});

test("AGENT_TOKEN_<AGENT> that is too short is refused without repeating the token, also for an unknown agent", () => {
  for (const name of ["AGENT_TOKEN_IMHOTEP", "AGENT_TOKEN_SHURI"]) {
    const problems = getSettingsProblems({ ...env, [name]: "s3cret" }, createConfigFiles(imhotep));
    expect(problems).toMatchObject([{ name, given: "a value of 6 characters" }]);
    expect(JSON.stringify(problems)).not.toContain("s3cret");
  }
});

test.each(["ADMIN_TOKEN", "RUNNER_TOKEN"])("AGENT_TOKEN_<AGENT> is refused when it is the same as %s", (name) => {
  const tokenEnv = { ...env, AGENT_TOKEN_IMHOTEP: `another-token-of-imhotep,${IMHOTEP}`, [name]: IMHOTEP };
  const problems = getSettingsProblems(tokenEnv, createConfigFiles(imhotep, r2d2));
  expect(problems).toHaveLength(1);
  expect(problems[0]?.given).toMatch(/^the same token as (AGENT_TOKEN_IMHOTEP|ADMIN_TOKEN|TICK_TOKEN|RUNNER_TOKEN)$/);
  expect(JSON.stringify(problems)).not.toContain(IMHOTEP);
});
