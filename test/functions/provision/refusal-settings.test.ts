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
  ["PLANE_ADMIN_PASSWORD", { PLANE_ADMIN_PASSWORD_FILE: "password" }],
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

test("with --json, without --yes and a terminal, provision does nothing and answers the error unconfirmed", async () => {
  const setup = await createProvisionSetup();
  const { exit, out } = await setup.provision(["--json"]);
  expect(exit).toBe(1);
  expect(JSON.parse(out)).toMatchObject({ steps: [], changed: 0, error: { code: "unconfirmed" } });
  expect(setup.files.has(SECRETS_PATH)).toBe(false);
});

test.each([NOTES_PATH, SECRETS_PATH])("%s is not overwritten when it cannot be parsed", async (path) => {
  const setup = await createProvisionSetup();
  setup.files.set(path, { text: "{ half", mode: 0o600 });
  expect((await setup.provision()).exit).toBe(78);
  expect(setup.files.get(path)?.text).toBe("{ half");
});

test("provision exits with 2 for an unknown option, and does not repeat its value", async () => {
  const setup = await createProvisionSetup();
  const { exit, err } = await setup.provision(["--password=marked-secret"]);
  expect(exit).toBe(2);
  expect(err).toContain("--password is unknown");
  expect(err).not.toContain("marked-secret");
});

test("provision answers a wrong command as JSON with --json", async () => {
  const setup = await createProvisionSetup();
  for (const args of [
    ["--json", "--password=marked-secret"],
    ["--json", "--wait", "soon"],
    ["--json", "--print-env"],
  ]) {
    const { exit, out, err } = await setup.provision(args);
    expect(exit).toBe(2);
    expect(JSON.parse(out)).toEqual({
      steps: [],
      changed: 0,
      error: { code: "usage", message: err.split("\n")[0] },
    });
    expect(out).not.toContain("marked-secret");
  }
});

const AGENT = { name: "Thot", email: "thot@javisi.local" };

test.each([
  ["an agent called ../x", { agents: [{ ...AGENT, name: "../x" }] }, {}, "agents[0].name"],
  ["an agent with a line break", { agents: [{ ...AGENT, name: "Thot\nx" }] }, {}, "agents[0].name"],
  [
    "two agents with one address",
    { agents: [AGENT, { name: "R2D2", email: "THOT@javisi.local" }] },
    {},
    "agents[1].email",
  ],
  ["two agents with one name", { agents: [AGENT, { name: "thot", email: "r2d2@javisi.local" }] }, {}, "agents[1].name"],
  ["a worker with the admin's address", { agents: [{ ...AGENT, email: "Ada@example.test" }] }, {}, "Thot with the"],
  [
    "a worker with the admin's address when the human is another person",
    { agents: [{ ...AGENT, email: "Ada@example.test" }], provision: { human: { email: "grace@example.test" } } },
    {},
    "Thot with the address of PLANE_ADMIN_EMAIL",
  ],
  ["a workspace named like a domain", { provision: { workspace: "javisi.org" } }, {}, "provision.workspace"],
  [
    "a workspace's name with a bidirectional control character",
    { provision: { workspace: "a\u202eb" } },
    {},
    "provision.workspace",
  ],
  ["a human's name with a NUL", { provision: { human: { name: "A\u0000da" } } }, {}, "provision.human.name"],
  ["a domain with a path", { provision: { domain: "javisi.local/x" } }, {}, "provision.domain"],
  ["a project's name with markup", { provision: { project: { name: "<b>" } } }, {}, "provision.project"],
  ["a workspace of 49 characters", {}, { PLANE_WORKSPACE: "w".repeat(49) }, "at most 48"],
  [
    "a workspace that Plane's own pages cannot serve",
    {},
    { PLANE_WORKSPACE: "my-instances" },
    'does not contain "instances"',
  ],
  ["a workspace with a slash", {}, { PLANE_WORKSPACE: "a/b" }, "PLANE_WORKSPACE"],
  ["Plane's address with a password", {}, { PLANE_URL: "https://ada:marked@plane.example.com" }, "PLANE_URL"],
  [
    "Plane's address with a password that contains a slash",
    {},
    { PLANE_URL: "https://ada:marked/1@plane.example.com" },
    "PLANE_URL",
  ],
  ["SECRETS_FILE at the path of the settings", {}, { SECRETS_FILE: "x/groundcrew.json" }, "a name other than"],
  [
    "SECRETS_FILE at the path of provision's own file",
    {},
    { SECRETS_FILE: "x/provision-secrets.json" },
    "a name other than",
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

test("an administrator whose address has no letter before the @ still gets a name", async () => {
  const setup = await createProvisionSetup({ env: { PLANE_ADMIN_EMAIL: "_@example.test" } });
  expect((await setup.provisionWithReport()).failed).toEqual([]);
});
