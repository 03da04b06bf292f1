import { expect, test } from "vitest";
import { parseProvisionSettings } from "../../../shared/config/provision-settings.ts";

const ENV = {
  PLANE_URL: "https://plane.example.com/",
  PLANE_WORKSPACE: "javisi",
  PLANE_ADMIN_EMAIL: "Ada.Lovelace@example.com",
};

function parseProvisionEnv(env: Record<string, string> = {}, config: unknown = {}) {
  const file = { text: JSON.stringify(config), mode: 0o600 };
  return parseProvisionSettings({ ...ENV, ...env }, { read: (path) => (path === "crew.json" ? file : undefined) });
}

test("provision needs three settings; ten agents, UTC, English and Onboarding are the defaults", () => {
  const parsed = parseProvisionEnv();
  const { agents, ...found } = parsed.ok ? parsed.settings : expect.fail(JSON.stringify(parsed.problems));
  expect(found).toMatchObject({
    plane: { url: "https://plane.example.com", workspace: "javisi", workspaceName: "javisi" },
    admin: { email: "ada.lovelace@example.com", name: "Ada Lovelace" },
    human: { email: "ada.lovelace@example.com", role: "admin" },
    ...{ timezone: "UTC", language: "en", project: { name: "Onboarding", identifier: "ONB" } },
    ...{ secretsFile: "data/secrets.json", configFile: { path: "data/groundcrew.json", exists: false } },
  });
  expect(agents).toHaveLength(10);
  expect(agents[0]).toMatchObject({ email: "concierge@javisi.local", role: "concierge", wake: { kind: "none" } });
  expect([found.webhookTarget, found.telegram]).toEqual([undefined, undefined]);
});

test.each([
  [{ provision: { timezone: "Mars/Olympus" } }, "GROUNDCREW_CONFIG provision.timezone"],
  [{ provision: { project: { name: "R&D", identifier: "RD" } } }, "GROUNDCREW_CONFIG provision.project.name"],
  [{ agents: [{ name: "Ada", email: "ada.lovelace@example.com" }] }, "GROUNDCREW_CONFIG agents"],
])("the provision setting %j is refused with its path", (config, name) => {
  const parsed = parseProvisionEnv({ GROUNDCREW_CONFIG: "crew.json" }, config);
  expect(parsed.ok ? [] : parsed.problems.map((problem) => problem.name)).toEqual([name]);
});
