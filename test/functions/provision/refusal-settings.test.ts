import { expect, test } from "vitest";
import { createProvisionSetup, NOTES_PATH, SECRETS_PATH } from "./provision-setup.ts";

test("settings that are missing or wrong end with 78, all told at once", async () => {
  const crew = await createProvisionSetup();
  const env = { PLANE_ADMIN_EMIAL: "ada@example.test", PLANE_URL: "plane" };
  const { exit, err, out } = await crew.provision(["--yes", "--json"], { env });
  expect(exit).toBe(78);
  expect(JSON.parse(out)).toEqual({ steps: [], changed: 0, error: { code: "settings", message: err.trim() } });
  for (const name of ["PLANE_URL", "PLANE_WORKSPACE", "PLANE_ADMIN_EMAIL"]) expect(err).toContain(`  ${name}\n`);
  expect(err).toContain("did you mean PLANE_ADMIN_EMAIL?");
});

test("without --yes and without a terminal nothing is done, and a program is told so too", async () => {
  const crew = await createProvisionSetup();
  const { exit, out } = await crew.provision(["--json"]);
  expect(exit).toBe(1);
  expect(JSON.parse(out)).toMatchObject({ steps: [], changed: 0, error: { code: "unconfirmed" } });
  expect(crew.files.has(SECRETS_PATH)).toBe(false);
});

test.each([NOTES_PATH, SECRETS_PATH])("%s that cannot be understood is not written over", async (path) => {
  const crew = await createProvisionSetup();
  crew.files.set(path, { text: "{ half", mode: 0o600 });
  expect((await crew.provision()).exit).toBe(78);
  expect(crew.files.get(path)?.text).toBe("{ half");
});

test("an option that is not known ends with 2 and does not repeat its value", async () => {
  const crew = await createProvisionSetup();
  const { exit, err } = await crew.provision(["--password=marked-secret"]);
  expect(exit).toBe(2);
  expect(err).toContain("--password is not known");
  expect(err).not.toContain("marked-secret");
});

test("a command that is wrong is told to a program, too", async () => {
  const crew = await createProvisionSetup();
  for (const args of [
    ["--json", "--password=marked-secret"],
    ["--json", "--wait", "soon"],
    ["--json", "--print-env"],
  ]) {
    const { exit, out, err } = await crew.provision(args);
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
    "the same, where the human is somebody else",
    { agents: [{ ...AGENT, email: "Ada@example.test" }], provision: { human: { email: "grace@example.test" } } },
    {},
    "Thot with the address of PLANE_ADMIN_EMAIL",
  ],
  ["a workspace called like an address", { provision: { workspace: "javisi.org" } }, {}, "provision.workspace"],
  ["a workspace's name that turns the line", { provision: { workspace: "a\u202eb" } }, {}, "provision.workspace"],
  ["a human's name with a NUL", { provision: { human: { name: "A\u0000da" } } }, {}, "provision.human.name"],
  ["a domain that leads elsewhere", { provision: { domain: "javisi.local/x" } }, {}, "provision.domain"],
  ["a project's name in markup", { provision: { project: { name: "<b>" } } }, {}, "provision.project"],
  ["a workspace of 49 characters", {}, { PLANE_WORKSPACE: "w".repeat(49) }, "at most 48"],
  ["a workspace that Plane's own pages cannot serve", {}, { PLANE_WORKSPACE: "my-instances" }, 'without "instances"'],
  ["a workspace with a slash", {}, { PLANE_WORKSPACE: "a/b" }, "PLANE_WORKSPACE"],
  ["Plane's address with a password", {}, { PLANE_URL: "https://ada:marked@plane.example.com" }, "PLANE_URL"],
  ["the same with a slash in the password", {}, { PLANE_URL: "https://ada:marked/1@plane.example.com" }, "PLANE_URL"],
  ["SECRETS_FILE over the settings", {}, { SECRETS_FILE: "x/groundcrew.json" }, "a name other than"],
  ["SECRETS_FILE over provision's own", {}, { SECRETS_FILE: "x/provision-secrets.json" }, "a name other than"],
])("%s: ends with 78, and nothing is asked or written", async (_, config, env, told) => {
  const crew = await createProvisionSetup({ config, env });
  const { exit, err, out } = await crew.provision();
  expect({ exit, out }).toEqual({ exit: 78, out: "" });
  expect(err).toContain(told);
  expect(err).not.toContain("marked");
  expect([...crew.files.keys()]).toEqual(["groundcrew.json"]);
  expect(crew.plane.ledger.requests).toEqual([]);
});

test("an administrator whose address has no letter before the @ gets a name all the same", async () => {
  const crew = await createProvisionSetup({ env: { PLANE_ADMIN_EMAIL: "_@example.test" } });
  expect((await crew.provisionWithReport()).failed).toEqual([]);
});
