import { expect, test } from "vitest";
import { createProvisionSetup, NOTES_PATH, SECRETS_PATH } from "./provision-setup.ts";

test("provision exits with 78 for missing or invalid settings, and lists all of them", async () => {
  const setup = await createProvisionSetup();
  const env = { PLANE_ADMIN_EMIAL: "ada@example.test", PLANE_URL: "plane" };
  const { exit, err, out } = await setup.provision(["--yes", "--json"], { env });
  expect(exit).toBe(78);
  expect(JSON.parse(out)).toEqual({ steps: [], changed: 0, error: { code: "settings", message: err.trim() } });
  for (const name of ["PLANE_URL", "PLANE_WORKSPACE", "PLANE_ADMIN_EMAIL"]) expect(err).toContain(`  ${name}\n`);
  expect(err).toContain("did you mean PLANE_ADMIN_EMAIL?");
});

test.each([
  ["PLANE_ADMIN_PASSWORD", { PLANE_ADMIN_PASSWORD: "changemechangeme" }],
  ["AGENT_TOKEN_THOT", { AGENT_TOKEN_THOT: "changemechangeme" }],
])("provision exits with 78 when %s is a placeholder (%j), and calls nothing", async (name, given) => {
  const setup = await createProvisionSetup();
  setup.files.set("password", { text: "changemechangeme\n", mode: 0o600 });
  const { exit, err } = await setup.provision(["--yes"], { env: { ...setup.env, ...given } });
  expect(exit).toBe(78);
  expect(err).toMatch(
    new RegExp(`  ${name}\n    given:  a placeholder or a pattern.*\n    wanted: .*openssl rand -hex 32`),
  );
  expect(err).not.toContain("changeme");
  expect(setup.plane.ledger.requests).toEqual([]);
});

test.each([NOTES_PATH, SECRETS_PATH])("%s is not overwritten when it cannot be parsed", async (path) => {
  const setup = await createProvisionSetup();
  setup.files.set(path, { text: "{ half", mode: 0o600 });
  expect((await setup.provision()).exit).toBe(78);
  expect(setup.files.get(path)?.text).toBe("{ half");
});

const AGENT = { name: "Thot", email: "thot@javisi.local" };

test.each([
  ["an agent called ../x", { agents: [{ ...AGENT, name: "../x" }] }, {}, "agents[0].name"],
  [
    "two agents with one address",
    { agents: [AGENT, { name: "R2D2", email: "THOT@javisi.local" }] },
    {},
    "agents[1].email",
  ],
  ["a workspace named like a domain", { provision: { workspace: "javisi.org" } }, {}, "provision.workspace"],
  [
    "a workspace's name with a bidirectional control character",
    { provision: { workspace: "a\u202eb" } },
    {},
    "provision.workspace",
  ],
  [
    "Plane's address with a password that contains a slash",
    {},
    { PLANE_URL: "https://ada:marked/1@plane.example.com" },
    "PLANE_URL",
  ],
])("provision exits with 78 for %s, without requests or writes", async (_, config, env, message) => {
  const setup = await createProvisionSetup({ config, env });
  const { exit, err, out } = await setup.provision();
  expect({ exit, out }).toEqual({ exit: 78, out: "" });
  expect(err).toContain(message);
  expect(err).not.toContain("marked");
  expect([...setup.files.keys()]).toEqual(["groundcrew.json"]);
  expect(setup.plane.ledger.requests).toEqual([]);
});

/** Runs the command with this settings file; it must be refused without a request, a file or a control character. */
async function refuseSettingsFile(text: string) {
  const setup = await createProvisionSetup();
  setup.files.set("groundcrew.json", { text, mode: 0o600 });
  const { exit, out, err } = await setup.provision();
  expect(err).toMatch(/^Nothing was provisioned: \d+ settings? (?:is|are) invalid\.\n/);
  expect([exit, out]).toEqual([78, ""]);
  expect(err).not.toMatch(/[^\P{Cc}\n]|[\u202a-\u202e]/u);
  expect(err.length).toBeLessThan(20_000);
  expect(setup.plane.ledger.requests).toEqual([]);
  expect([...setup.files.keys()]).toEqual(["groundcrew.json"]);
  return err;
}

const createAgent = (name: unknown, i = 0) => ({ name, email: `agent-${i}@crew.test` });
const formatAgents = (...names: unknown[]) => JSON.stringify({ agents: names.map(createAgent) }, null, 2);

test.each<[string, string, string]>([
  [
    "has line feeds and escape sequences in a name",
    '{"\\u001b[2J\\nNothing to do":\n 1}',
    "[2J Nothing to do (line 2, column 2)",
  ],
  ["has an agent called ../../x", formatAgents("../../x"), "agents[0].name (line 4, column 15)"],
])("a settings file that %s is refused with its place, and provision writes nothing", async (_what, text, place) => {
  expect(await refuseSettingsFile(text)).toContain(place);
});
