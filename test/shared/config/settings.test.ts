import { readFileSync } from "node:fs";
import { parseEnv } from "node:util";
import { expect, test } from "vitest";
import { ENVIRONMENT_NAMES } from "../../../shared/config/environment.ts";
import { PROVISION_SECRET_NAMES, SECRET_NAMES } from "../../../shared/config/secrets.ts";
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
