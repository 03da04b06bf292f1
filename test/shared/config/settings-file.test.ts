import fc from "fast-check";
import { expect, test } from "vitest";
import { parseJsonText } from "../../../shared/config/setting-problem.ts";
import { createTestSettings, getSettingsProblems, PLANE_ENV, parseTestSettings } from "../../support/settings.ts";

const SECRET = `whsec_${"A".repeat(32)}`;

function getFileProblems(file: unknown) {
  return getSettingsProblems({ GROUNDCREW_CONFIG: "crew.json" }, { "crew.json": JSON.stringify(file) });
}

test("GROUNDCREW_CONFIG contains agents, states, notifications and forward targets", () => {
  const file = {
    agents: [{ name: "Concierge", email: "concierge@javisi.local", role: "concierge", about: "Talks and plans." }],
    states: { blocked: ["Waiting", "On hold"] },
    notifications: [{ events: ["completed"], projects: ["ONB"] }],
    forward: [{ url: "https://n8n.example.com/hook", secret: SECRET, events: ["issue.completed"] }],
  };
  const settings = createTestSettings({ GROUNDCREW_CONFIG: "crew.json" }, { "crew.json": JSON.stringify(file) });
  expect(settings).toMatchObject(file);
});

test.each([
  [
    { tickets: { repositories: { ONB: { path: "/srv/x", publish: "pr" } } } },
    "tickets.repositories.ONB.publish",
    "none, push, or pull-request",
  ],
  [
    { tickets: { repositories: { ONB: { path: "/srv/x", sandbx: "off" } } } },
    "tickets.repositories.ONB.sandbx",
    "sandbox (known names: ",
  ],
  [
    { tickets: { repositories: { ONB: "/x" }, cli_by_label: { codex: "codx" } } },
    "tickets.cli_by_label.codex",
    '"claude", "codex", or {"command"',
  ],
  [
    { agents: [{ name: "A", email: "a@example.com", wake: { kind: "webhook", url: "https://n8n.test", secrt: "x" } }] },
    "agents[0].wake.secrt",
    "secret (known names: ",
  ],
  [{ notifications: [{ events: ["complete"] }] }, "notifications[0].events[0]", "completed (known values: created, "],
])("GROUNDCREW_CONFIG %j is refused at the wrong field, with words that say what is wanted", (file, place, wanted) => {
  expect(getFileProblems(file)).toContainEqual(
    expect.objectContaining({
      name: `GROUNDCREW_CONFIG ${place}`.trimEnd(),
      wanted: expect.stringContaining(wanted),
    }),
  );
  for (const { wanted: words } of getFileProblems(file)) expect(words).not.toMatch(/^Invalid|pattern/);
});

test.each([
  ["text", "agents:", "line 1, column 1"],
  ["a value without quotes", '{\n  "done": {\n    "commit_and_tests": code\n  }\n}', "line 3, column 25"],
  ["a string that never ends", '{\n  "agents": "whsec_secret\n}', "line 2, column 13"],
])("GROUNDCREW_CONFIG that contains %s is refused with the line and column, not with its content", (_, text, place) => {
  expect(getSettingsProblems({ GROUNDCREW_CONFIG: "c" }, { c: text })).toEqual([
    { name: "GROUNDCREW_CONFIG", given: `content that is not valid JSON (${place})`, wanted: "a JSON object" },
  ]);
});

test("every text that JSON.parse refuses has a line and a column inside the text", () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...'{}[]":,\n\t 1e-.tnu\\/*') }), (text) => {
      const parsed = parseJsonText(text);
      if (parsed.ok) return;
      const { line, column } = parsed.position;
      expect(line).toBeLessThanOrEqual(text.split("\n").length);
      expect(column - 1).toBeLessThanOrEqual((text.split("\n")[line - 1] ?? "").length);
    }),
  );
});

const AGENT = { name: "Thot", email: "thot@crew.test" };

test.each([
  [{ agents: [{ ...AGENT, wake: { kind: "webhok", url: "https://x.test", secret: "marked" } }] }, "kind, url, secret"],
  [{ agents: [{ ...AGENT, wake: { kind: "webhook", url: "https://x.test", secret: "marked" } }] }, "a secret in"],
  [
    { agents: [{ ...AGENT, wake: { kind: "webhook", url: "https://u:marked/1@x.test", secret: "whsec_bWFya2Vk" } }] },
    "@",
  ],
  [{ forward: { url: "https://x.test", secret: "marked" } }, "an object with url, secret"],
])("problems do not contain a secret in the wrong place: %j", (file, expected) => {
  const found = getFileProblems(file);
  expect(found).toHaveLength(1);
  expect(found[0]?.given).toContain(expected);
  expect(JSON.stringify(found)).not.toMatch(/marked|bWFya2Vk/);
});

test.each([
  [[{ email: "ada" }], "people[0].email", "the e-mail address of the person's Plane account"],
  [[{ email: "a@x.test", telegram: "@ada" }], "people[0].telegram", "the person's Telegram user number (not a name)"],
  [[{ email: "a@x.test", projects: ["O-1"] }], "people[0].projects[0]", "1 to 12 letters or digits"],
  [
    [
      { email: "a@x.test", telegram: 7 },
      { email: "b@x.test", telegram: 7 },
    ],
    "people[1].telegram",
    "a Telegram user that no other person has",
  ],
])("people that cannot be right are refused with their place: %j", (people, place, wanted) => {
  expect(getFileProblems({ agents: [{ name: "Thot", email: "Thot@x.test" }], people })).toMatchObject([
    { name: `GROUNDCREW_CONFIG ${place}`, wanted: expect.stringContaining(wanted) },
  ]);
});

test.each(["data/groundcrew.json", "crew.json.agents"])("a file without agents is reported with %s", (written) => {
  const team = JSON.stringify({ agents: [{ name: "Imhotep", email: "imhotep@javisi.local" }] });
  const files = { "data/secrets.json": "{}", "crew.json": '{"mirror": "agents"}', [written]: team };
  const parsed = parseTestSettings({ ...PLANE_ENV, GROUNDCREW_CONFIG: "crew.json" }, files);
  expect(parsed.ok && parsed.warnings.filter((text) => text.includes('"agents"'))).toEqual([
    expect.stringMatching(/^crew\.json .*has no "agents"/),
  ]);
  const copy = `but ${written}, which provision wrote, has 1: copy "agents" from there to crew.json`;
  expect(JSON.stringify(parsed).replaceAll("\\", "")).toContain(copy);
});
