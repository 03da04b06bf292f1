import { expect, test } from "vitest";
import { formatConnectionFile } from "../../../shared/config/secrets.ts";
import { parseSettings } from "../../../shared/config/settings.ts";

const SECRETS = { text: '{"PLANE_API_KEY": "plane_api_1"}', mode: 0o600 };
const ENV = { PLANE_URL: "https://plane.example.com", PLANE_WORKSPACE: "javisi", PORT: "9001", LOCALE: "fr" };

/** Parses the settings with this connection.env beside SECRETS_FILE. */
function parseWith(text: string, env: Record<string, string> = {}, file: { mode?: number; isOthers?: boolean } = {}) {
  const folder = env["SECRETS_FILE"] ? "private" : "data";
  const files = new Map([
    [`${folder}/secrets.json`, SECRETS],
    [`${folder}/connection.env`, { text, mode: 0o600, ...file }],
  ]);
  return parseSettings(env, { read: (path) => files.get(path) });
}

const getSettings = (parsed: ReturnType<typeof parseWith>) => {
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return parsed.settings;
};

test("the settings in connection.env beside SECRETS_FILE apply", () => {
  for (const env of [{}, { SECRETS_FILE: "private/secrets.json" }]) {
    const { plane, port, locale } = getSettings(parseWith(formatConnectionFile(ENV), env));
    expect([plane?.url, plane?.workspace, port, locale]).toEqual(["https://plane.example.com", "javisi", 9001, "fr"]);
  }
});

test("a connection.env that others may read or change is a problem that names chmod", () => {
  for (const mode of [0o604, 0o640, 0o620, 0o700]) {
    const parsed = parseWith(formatConnectionFile(ENV), {}, { mode });
    expect(parsed.ok ? [] : parsed.problems[0]).toMatchObject({
      name: "data/connection.env",
      wanted: "mode 0600: chmod 600 data/connection.env",
    });
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
  expect(warnings).toEqual([
    expect.stringMatching(new RegExp(`^data/connection.env may only set .* Ignored: ${name}$`)),
  ]);
  expect(JSON.stringify(parsed)).not.toContain(line);
});

test("a value cannot add a setting to connection.env with a line break", () => {
  const text = formatConnectionFile({ ...ENV, PLANE_URL: "https://plane.example.com/\nPORT=1\r\n" });
  expect(text.match(/^PORT=/gm)).toHaveLength(1);
});
