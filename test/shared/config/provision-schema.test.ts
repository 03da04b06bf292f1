import { expect, test } from "vitest";
import { parseProvisionSettings } from "../../../shared/config/provision-settings.ts";

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

test.each([
  [{ provision: { timezone: "Mars/Olympus" } }, "GROUNDCREW_CONFIG provision.timezone"],
  [{ provision: { project: { name: "R&D", identifier: "RD" } } }, "GROUNDCREW_CONFIG provision.project.name"],
  [{ agents: [{ name: "Ada", email: "ada.lovelace@example.com" }] }, "GROUNDCREW_CONFIG agents"],
])("the provision setting %j is refused with its path", (config, name) => {
  expect(getProvisionProblems(...createConfigArgs(config)).map((problem) => problem.name)).toEqual([name]);
});
