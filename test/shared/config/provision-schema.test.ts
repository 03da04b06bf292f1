import { expect, test } from "vitest";
import { parseProvisionSettings } from "../../../shared/config/provision-settings.ts";
import { createTestSettings, getSettingsWarnings } from "../../support/settings.ts";

const ENV = {
  PLANE_URL: "https://plane.example.com/",
  PLANE_WORKSPACE: "javisi",
  PLANE_ADMIN_EMAIL: "Ada.Lovelace@example.com",
};

type Files = Record<string, string>;

function parseProvisionEnv(env: Record<string, string> = {}, files: Files = {}) {
  return parseProvisionSettings(
    { ...ENV, ...env },
    {
      read(path) {
        const text = files[path];
        return text === undefined ? undefined : { text, mode: 0o600 };
      },
    },
  );
}

function getProvisionSettings(env?: Record<string, string>, files?: Files) {
  const parsed = parseProvisionEnv(env, files);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return parsed.settings;
}

function getProvisionProblems(env?: Record<string, string>, files?: Files) {
  const parsed = parseProvisionEnv(env, files);
  return parsed.ok ? [] : parsed.problems;
}

const createConfigArgs = (config: unknown): [Record<string, string>, Files] => [
  { GROUNDCREW_CONFIG: "crew.json" },
  { "crew.json": JSON.stringify(config) },
];

test("provision needs three settings; ten agents, UTC, English and Onboarding are the defaults", () => {
  const found = getProvisionSettings();
  expect(found).toMatchObject({
    plane: { url: "https://plane.example.com", workspace: "javisi", workspaceName: "javisi" },
    admin: { email: "ada.lovelace@example.com", name: "Ada Lovelace" },
    human: { email: "ada.lovelace@example.com", role: "admin" },
    timezone: "UTC",
    language: "en",
    project: { name: "Onboarding", identifier: "ONB" },
    secretsFile: "data/secrets.json",
    configFile: { path: "data/groundcrew.json", exists: false },
  });
  expect(found.agents).toHaveLength(10);
  expect(found.agents[0]).toMatchObject({ email: "concierge@javisi.local", role: "concierge", wake: { kind: "none" } });
  expect(found.webhookTarget).toBeUndefined();
  expect(found.telegram).toBeUndefined();
});

test("the default agents use the configured domain, and with OPENCLAW_URL are woken through OpenClaw", () => {
  const [env, files] = createConfigArgs({ provision: { domain: "crew.test" } });
  const found = getProvisionSettings({ ...env, OPENCLAW_URL: "http://openclaw:18789" }, files);
  expect(found.agents[3]).toMatchObject({ email: "basquiat@crew.test", wake: { kind: "openclaw" } });
});

test("agents in the settings file replace the default agents, and no file is written", () => {
  const found = getProvisionSettings(...createConfigArgs({ agents: [{ name: "Solo", email: "solo@crew.test" }] }));
  expect(found.agents.map(({ name }) => name)).toEqual(["Solo"]);
  expect(found.configFile).toBeUndefined();
});

test("PLANE_WEBHOOK_TARGET overrides PUBLIC_URL", () => {
  const env = { PUBLIC_URL: "https://crew.example.com" };
  expect(getProvisionSettings(env).webhookTarget).toBe("https://crew.example.com/webhooks/plane");
  const PLANE_WEBHOOK_TARGET = "http://groundcrew:8787/webhooks/plane";
  expect(getProvisionSettings({ ...env, PLANE_WEBHOOK_TARGET }).webhookTarget).toBe(PLANE_WEBHOOK_TARGET);
});

test("the administrator's password may come from a file", () => {
  expect(
    getProvisionSettings({ PLANE_ADMIN_PASSWORD_FILE: "/run/secrets/p" }, { "/run/secrets/p": "from a file\n" }).admin
      .password,
  ).toBe("from a file");
  expect(getProvisionProblems({ PLANE_ADMIN_PASSWORD_FILE: "/run/secrets/p" })).toMatchObject([
    { name: "PLANE_ADMIN_PASSWORD_FILE" },
  ]);
});

test.each([
  [{ provision: { language: "French" } }, "GROUNDCREW_CONFIG provision.language"],
  [{ provision: { timezone: "Mars/Olympus" } }, "GROUNDCREW_CONFIG provision.timezone"],
  [{ provision: { project: { name: "R&D", identifier: "RD" } } }, "GROUNDCREW_CONFIG provision.project.name"],
  [{ provision: { domain: "localhost" } }, "GROUNDCREW_CONFIG provision.domain"],
  [{ agents: [{ name: "Ada", email: "ada.lovelace@example.com" }] }, "GROUNDCREW_CONFIG agents"],
])("the provision setting %j is refused with its path", (config, name) => {
  expect(getProvisionProblems(...createConfigArgs(config)).map((problem) => problem.name)).toEqual([name]);
});

test("the runtime accepts provision's settings and does not read the password", () => {
  const env = {
    ...ENV,
    PLANE_API_KEY: "plane_api_0123456789abcdef",
    PLANE_ADMIN_PASSWORD: "a-marked-password",
    PLANE_WEBHOOK_TARGET: "http://groundcrew:8787/webhooks/plane",
  };
  expect(JSON.stringify(createTestSettings(env))).not.toContain("a-marked-password");
  expect(getSettingsWarnings(env).join()).not.toContain("is not a setting");
});

test("the runtime reads provision's settings file beside SECRETS_FILE, unless GROUNDCREW_CONFIG names another", () => {
  const env = { ...ENV, PLANE_API_KEY: "plane_api_0123456789abcdef" };
  const files = {
    "data/groundcrew.json": JSON.stringify({ agents: [{ name: "Left", email: "left@crew.test" }] }),
    "mine.json": "{}",
  };
  expect(createTestSettings(env, files).agents.map(({ name }) => name)).toEqual(["Left"]);
  expect(createTestSettings({ ...env, GROUNDCREW_CONFIG: "mine.json" }, files).agents).toEqual([]);
});

test.each([
  [{}, "http://127.0.0.1:8787"],
  [{ HOST: "0.0.0.0", PORT: "9000" }, "http://127.0.0.1:9000"],
  [{ HOST: "::" }, "http://[::1]:8787"],
  [{ HOST: "fd00::7" }, "http://[fd00::7]:8787"],
  [{ HOST: "0.0.0.0", PUBLIC_URL: "https://crew.example.com" }, "https://crew.example.com"],
])("agents get a URL that they can connect to: %j", (env, address) => {
  expect(getProvisionSettings(env).address).toBe(address);
});
