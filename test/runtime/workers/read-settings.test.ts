import { expect, test } from "vitest";
import { readWorkerSettings } from "../../../runtime/workers/settings.ts";

const PLANE = {
  PLANE_URL: "https://plane.example.com",
  PLANE_API_KEY: "plane_api_of_this_test",
  PLANE_WORKSPACE: "javisi",
};

function readProblems(env: Record<string, unknown>): string[] {
  const parsed = readWorkerSettings(env);
  return parsed.ok ? [] : parsed.problems.map(({ name, wanted }) => `${name}: ${wanted}`);
}

test("a Worker's settings come from its variables, the settings file from the text or JSON of one of them", () => {
  const file = { agents: [{ name: "Thot", email: "thot@example.com" }] };
  for (const given of [JSON.stringify(file), file]) {
    const parsed = readWorkerSettings({ ...PLANE, GROUNDCREW_CONFIG_JSON: given, GROUNDCREW: { getByName: () => {} } });
    expect(parsed).toMatchObject({
      ok: true,
      settings: { agents: [{ name: "Thot" }], plane: { workspace: "javisi" } },
    });
  }
});

test("what a Worker cannot do is refused with what to do instead", () => {
  const problems = readProblems({
    ...PLANE,
    STORE_URL: "redis://127.0.0.1",
    SECRETS_FILE: "data/secrets.json",
    GROUNDCREW_CONFIG: "crew.json",
    METRICS_PORT: "9464",
    ADMIN_TOKEN_FILE: "/run/admin",
  });
  expect(problems).toEqual([
    "STORE_URL: nothing: on Workers the store is the Durable Object, neither a file nor Redis; remove it",
    "SECRETS_FILE: nothing: a Worker reads no files; npm run deploy:workers sends its secrets to Cloudflare",
    "GROUNDCREW_CONFIG: the text of the settings file in GROUNDCREW_CONFIG_JSON, because a Worker reads no files",
    "METRICS_PORT: nothing: a Worker has no second port and no metrics; remove it",
    "ADMIN_TOKEN_FILE: the secret itself in ADMIN_TOKEN, because a Worker reads no files",
  ]);
  const telegram = { TELEGRAM_BOT_TOKEN: "123456:abcdefghijklmnopqrstuvwxyzABCDEFGHI", TELEGRAM_CHAT_ID: "7" };
  expect(readProblems({ ...PLANE, ...telegram })).toEqual([
    "TELEGRAM_MODE: webhook and PUBLIC_URL: a Worker cannot poll Telegram",
  ]);
  expect(readProblems({})).toEqual(["PLANE_URL: Plane's address: the demo does not run on Workers"]);
});

test("tickets are refused, because their sessions run on a machine", () => {
  const wanted = "nothing: tickets need a machine with a ticket runner; remove it";
  const tickets = { repositories: { ONB: "/srv/onboarding" } };
  const env = { ...PLANE, RUNNER_TOKEN: "a-token-of-a-runner-in-tests", ALLOW_TEST_TICKETS: "1" };
  expect(readProblems({ ...env, GROUNDCREW_CONFIG_JSON: { tickets } })).toEqual([
    `RUNNER_TOKEN: ${wanted}`,
    `ALLOW_TEST_TICKETS: ${wanted}`,
    `tickets: ${wanted}`,
  ]);
});

test("a Worker's other settings are checked as on Node", () => {
  expect(readProblems({ ...PLANE, PLANE_URL: "plane" })).toEqual([expect.stringContaining("PLANE_URL")]);
  expect(readProblems({ ...PLANE, GROUNDCREW_CONFIG_JSON: "{" })).toHaveLength(1);
});

test("a webhook's body is limited to what a row of the object can hold", () => {
  const parsed = readWorkerSettings({ ...PLANE, WEBHOOK_MAX_BYTES: "5000000" });
  expect(parsed.ok && parsed.settings.webhookLimit).toBe(1_500_000);
});
