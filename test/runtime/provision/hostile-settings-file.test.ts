import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createProvisionSetup } from "../../functions/provision/provision-setup.ts";
import { createCommandFolder } from "./command-folder.ts";

/** Runs the real command with this settings file; it must be refused without a request, a file or a control character. */
async function refuseSettingsFile(text: string) {
  const setup = await createProvisionSetup();
  const folder = createCommandFolder(setup);
  writeFileSync(join(folder.cwd, "groundcrew.json"), text, { mode: 0o600 });
  const { exit, out, err } = await folder.run("--yes");
  expect(err).toMatch(/^Nothing was provisioned: \d+ settings? (?:is|are) invalid\.\n/);
  expect([exit, out]).toEqual([78, ""]);
  expect(err).not.toMatch(/[^\P{Cc}\n]|[\u202a-\u202e]/u);
  expect(err.length).toBeLessThan(20_000);
  expect(setup.plane.ledger.requests).toEqual([]);
  expect(readdirSync(folder.cwd)).toEqual(["groundcrew.json"]);
  return err;
}

const createAgent = (name: unknown, i = 0) => ({ name, email: `agent-${i}@crew.test` });
const formatAgents = (...names: unknown[]) => JSON.stringify({ agents: names.map(createAgent) }, null, 2);

test.each<[string, string, string]>([
  ["is a million open brackets", "[".repeat(1_000_000), "more than 64 nested levels (line 1, column 65)"],
  [
    "nests a million lists",
    `{"agents":${"[".repeat(1_000_000)}${"]".repeat(1_000_000)}}`,
    "more than 64 nested levels (line 1, column 74)",
  ],
  ["has more than 4 MiB", `{"agents":[]${" ".repeat(2 ** 22)}}`, "groundcrew.json has more than 4194304 bytes"],
  ["has __proto__ as a name", '{\n  "__proto__": {"agents": []}\n}', "__proto__ (line 2, column 16)"],
  [
    "has __proto__ in an agent",
    '{"agents": [\n  {"name": "Thot", "email": "t@crew.test", "__proto__": {"role": "concierge"}}\n]}',
    "agents[0].__proto__ (line 2, column 57)",
  ],
  ["has a name twice", '{\n  "agents": [],\n  "agents": []\n}', 'the name "agents" a second time (line 3, column 3)'],
  [
    "has a name twice, once with an escape",
    '{"agents": [\n {"name": "Thot", "email": "a@crew.test",\n  "n\\u0061me": "Evil"}]}',
    'the name "name" a second time (line 3, column 3)',
  ],
  ["is a list", "[]", "GROUNDCREW_CONFIG (line 1, column 1)"],
  ["is null", "null", "GROUNDCREW_CONFIG (line 1, column 1)"],
  ["has an object in place of the agents", '{\n  "agents": {"length": 3}\n}', "agents (line 2, column 13)"],
  ["has a number as the name of an agent", formatAgents(7), "agents[0].name (line 4, column 15)"],
  ["has null as an agent", '{"agents": [\n null]}', "agents[0] (line 2, column 2)"],
  ["has a bell in the name of an agent", formatAgents("Th\u0007ot"), "agents[0].name (line 4, column 15)"],
  ["has C1 controls in the name of an agent", formatAgents("Th\u009b2Jot"), "agents[0].name (line 4, column 15)"],
  ["has a reversed name of an agent", formatAgents("Th\u202eot"), "agents[0].name (line 4, column 15)"],
  [
    "has line feeds and escape sequences in a name",
    '{"\\u001b[2J\\nNothing to do":\n 1}',
    "[2J Nothing to do (line 2, column 2)",
  ],
  ["has an agent called ../../x", formatAgents("../../x"), "agents[0].name (line 4, column 15)"],
  ["has an agent called ..", formatAgents("Thot", ".."), "agents[1].name (line 8, column 15)"],
  ["has an agent whose name contains a slash", formatAgents("a/../../x"), "agents[0].name (line 4, column 15)"],
  ["has an agent whose name contains NUL", formatAgents("a\u0000"), "agents[0].name (line 4, column 15)"],
  ["has names that differ in case only", formatAgents("Thot", "tHOT"), "agents[1].name (line 8, column 15)"],
  ["has names that become the same setting", formatAgents("R2 D2", "r2.d2"), "agents[1].name (line 8, column 15)"],
  ["has a name with the Kelvin sign", formatAgents("Kai", "\u212aai"), "agents[1].name (line 8, column 15)"],
  ["has a name in full-width letters", formatAgents("Kai", "\uff2bai"), "agents[1].name (line 8, column 15)"],
])("a settings file that %s is refused with its place, and provision writes nothing", async (_what, text, place) => {
  expect(await refuseSettingsFile(text)).toContain(place);
});

test("a settings file with 10,000 agents is refused with the limit, and provision writes nothing", async () => {
  const names = Array.from({ length: 10_000 }, (_, i) => `Agent ${i}`);
  const err = await refuseSettingsFile(formatAgents(...names));
  expect(err).toContain("agents (line 2, column 13)");
  expect(err).toContain("wanted: a list of at most 500 agents");
});

test("a settings file with 500 invalid agents is refused with the first 50 problems", async () => {
  const err = await refuseSettingsFile(`{"agents":[${"7,".repeat(499)}7]}`);
  expect(err).toContain("agents[48] (line 1, column 108)");
  expect(err).toContain("more than 50 problems");
});

test.runIf(existsSync("/dev/zero"))(
  "a settings file that never ends is refused, and provision writes nothing",
  async () => {
    const setup = await createProvisionSetup({ env: { GROUNDCREW_CONFIG: "/dev/zero" } });
    const folder = createCommandFolder(setup);
    const { exit, err } = await folder.run("--yes");
    expect(exit).toBe(78);
    expect(err).toContain("/dev/zero has more than 4194304 bytes");
    expect(readdirSync(folder.cwd)).toEqual(["groundcrew.json"]);
  },
);
