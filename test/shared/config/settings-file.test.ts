import fc from "fast-check";
import { expect, test } from "vitest";
import { parseProvisionSettings } from "../../../shared/config/provision-settings.ts";
import { formatConnectionFile } from "../../../shared/config/secrets.ts";
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

const toTickets = (repository: object, more = {}) => ({
  tickets: { repositories: { ONB: { path: "/srv/x", ...repository } }, ...more },
});
const toWake = (wake: object) => ({ agents: [{ name: "Thot", email: "thot@crew.test", wake }] });

test.each([
  [toTickets({ publish: "pr" }), "tickets.repositories.ONB.publish", "none, push, or pull-request"],
  [toTickets({ sandbx: "off" }), "tickets.repositories.ONB.sandbx", "sandbox (known names: "],
  [toTickets({}, { cli_by_label: { codex: "codx" } }), "tickets.cli_by_label.codex", '"codex", or {"command"'],
  [toWake({ kind: "webhook", url: "https://x.test", secrt: "x" }), "agents[0].wake.secrt", "secret (known names: "],
  [{ notifications: [{ events: ["complete"] }] }, "notifications[0].events[0]", "completed (known values: created, "],
])("GROUNDCREW_CONFIG %j is refused at the wrong field, with words that say what is wanted", (file, place, wanted) => {
  const problem = { name: `GROUNDCREW_CONFIG ${place}`, wanted: expect.stringContaining(wanted) };
  expect(getFileProblems(file)).toContainEqual(expect.objectContaining(problem));
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

test.each([
  [toWake({ kind: "webhok", url: "https://x.test", secret: "marked" }), "kind, url, secret"],
  [toWake({ kind: "webhook", url: "https://x.test", secret: "marked" }), "a secret in"],
  [toWake({ kind: "webhook", url: "https://u:marked/1@x.test", secret: "whsec_bWFya2Vk" }), "@"],
  [{ forward: { url: "https://x.test", secret: "marked" } }, "an object with url, secret"],
])("problems do not contain a secret in the wrong place: %j", (file, expected) => {
  const found = getFileProblems(file);
  expect(found).toHaveLength(1);
  expect(found[0]?.given).toContain(expected);
  expect(JSON.stringify(found)).not.toMatch(/marked|bWFya2Vk/);
});

const SAME_USER = ["a@x.test", "b@x.test"].map((email) => ({ email, telegram: 7 }));

test.each([
  [[{ email: "ada" }], "people[0].email", "the e-mail address of the person's Plane account"],
  [[{ email: "a@x.test", telegram: "@ada" }], "people[0].telegram", "the person's Telegram user number (not a name)"],
  [[{ email: "a@x.test", projects: ["O-1"] }], "people[0].projects[0]", "1 to 12 letters or digits"],
  [SAME_USER, "people[1].telegram", "a Telegram user that no other person has"],
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

const CONNECTION = { PLANE_URL: "https://plane.example.com", PLANE_WORKSPACE: "javisi" };
const ENV = { ...CONNECTION, PORT: "9001", LOCALE: "fr" };

/** Parses the settings with this connection.env beside SECRETS_FILE. */
function parseWith(text: string, env: Record<string, string> = {}, mode = 0o600) {
  const folder = env["SECRETS_FILE"] ? "private" : "data";
  const secrets = '{"PLANE_API_KEY": "plane_api_1"}';
  return parseTestSettings(env, { [`${folder}/secrets.json`]: secrets, [`${folder}/connection.env`]: { text, mode } });
}

const getSettings = (parsed: ReturnType<typeof parseTestSettings>) =>
  parsed.ok ? parsed.settings : expect.fail(JSON.stringify(parsed.problems));

test("the settings in connection.env beside SECRETS_FILE apply", () => {
  for (const env of [{}, { SECRETS_FILE: "private/secrets.json" }]) {
    const { plane, port, locale } = getSettings(parseWith(formatConnectionFile(ENV), env));
    expect([plane?.url, plane?.workspace, port, locale]).toEqual(["https://plane.example.com", "javisi", 9001, "fr"]);
  }
});

test("a connection.env that others may read or change is a problem that names chmod", () => {
  for (const mode of [0o604, 0o640, 0o620, 0o700]) {
    const parsed = parseWith(formatConnectionFile(ENV), {}, mode);
    const problem = { name: "data/connection.env", wanted: "mode 0600: chmod 600 data/connection.env" };
    expect(parsed.ok ? [] : parsed.problems[0]).toMatchObject(problem);
  }
});

test.each([
  ["TELEGRAM_API_ROOT=https://elsewhere.example.com", "TELEGRAM_API_ROOT"],
  ["NODE_OPTIONS=--require=/tmp/marked.js", "NODE_OPTIONS"],
  ["export PORT=1", "the text in line 6"],
])("connection.env sets only what provision writes: %s is ignored, with a warning without values", (line, name) => {
  const parsed = parseWith(`${formatConnectionFile(ENV)}${line}\n`);
  const { plane, port, telegram } = getSettings(parsed);
  expect([plane?.url, port, telegram]).toEqual(["https://plane.example.com", 9001, undefined]);
  const warnings = parsed.ok ? parsed.warnings.filter((warning) => warning.includes("connection.env")) : [];
  const warning = new RegExp(`^data/connection.env may only set .* Ignored: ${name}$`);
  expect(warnings).toEqual([expect.stringMatching(warning)]);
  expect(JSON.stringify(parsed)).not.toContain(line);
});

test("a value cannot add a setting to connection.env with a line break", () => {
  const text = formatConnectionFile({ ...ENV, PLANE_URL: "https://plane.example.com/\nPORT=1\r\n" });
  expect(text.match(/^PORT=/gm)).toHaveLength(1);
});

function parseProvisionEnv(env: Record<string, string> = {}, config: unknown = {}) {
  const address = { PLANE_URL: `${CONNECTION.PLANE_URL}/`, PLANE_ADMIN_EMAIL: "Ada.Lovelace@example.com" };
  const all = { ...CONNECTION, ...address, ...env };
  const file = { text: JSON.stringify(config), mode: 0o600 };
  return parseProvisionSettings(all, { read: (path) => (path === "crew.json" ? file : undefined) });
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
