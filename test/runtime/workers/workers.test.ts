import { globSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { deployWorker } from "../../../runtime/workers/deploy-worker.ts";
import { readWorkerSettings } from "../../../runtime/workers/settings.ts";
import { decodeNamedCharacterReference, z } from "../../../runtime/workers/stand-ins.ts";

/** The table that the Markdown parser uses on a machine; a package that the product itself does not import. */
const TABLE_FILE = ["../../../node_modules", "character-entities", "index.js"].join("/");
const TABLE: { characterEntities: Record<string, string> } = await import(new URL(TABLE_FILE, import.meta.url).href);

test("a Worker decodes every named character reference of Markdown as a machine does", () => {
  const entries = Object.entries(TABLE.characterEntities);
  expect(entries.length).toBeGreaterThan(2_000);
  expect(entries.filter(([name, text]) => decodeNamedCharacterReference(name) !== text)).toEqual([]);
  const others = ["nothing", "ampx", "notit", "AMPERSAND", "", "#38", "toString"];
  expect(others.filter((name) => decodeNamedCharacterReference(name) !== false)).toEqual([]);
});

/** Names of types, which a bundle does not contain. */
const TYPES = new Set(["infer", "input", "output", "core"]);

test("the Worker's zod has every function that the product uses", () => {
  const texts = globSync("{shared,functions,runtime}/**/*.ts").map((path) => readFileSync(path, "utf8"));
  // A chain may begin on one line and go on in the next.
  const used = texts.flatMap((text) => [...text.matchAll(/\bz(?:\n\s*)?\.([a-z]\w*)/g)].map(([, name = ""]) => name));
  const missing = [...new Set(used)].filter((name) => !TYPES.has(name) && !(name in z));
  expect([used.length > 500, missing]).toEqual([true, []]);
});

const PLANE_URL = "https://plane.example.com";
const PLANE = { PLANE_URL, PLANE_API_KEY: "plane_api_of_this_test", PLANE_WORKSPACE: "javisi" };

function readProblems(env: Record<string, unknown>): string[] {
  const parsed = readWorkerSettings(env);
  return parsed.ok ? [] : parsed.problems.map(({ name, wanted }) => `${name}: ${wanted}`);
}

test("a Worker's settings come from its variables, the settings file from the text or JSON of one of them, and are checked as on Node", () => {
  const file = { agents: [{ name: "Thot", email: "thot@example.com" }] };
  for (const given of [JSON.stringify(file), file]) {
    const parsed = readWorkerSettings({ ...PLANE, GROUNDCREW_CONFIG_JSON: given, GROUNDCREW: { getByName: () => {} } });
    const settings = { agents: [{ name: "Thot" }], plane: { workspace: "javisi" } };
    expect(parsed).toMatchObject({ ok: true, settings });
  }
  expect(readProblems({ ...PLANE, PLANE_URL: "plane" })).toEqual([expect.stringContaining("PLANE_URL")]);
  expect(readProblems({ ...PLANE, GROUNDCREW_CONFIG_JSON: "{" })).toHaveLength(1);
  // What a row of the object can hold.
  const settings = { webhookLimit: 1_500_000 };
  expect(readWorkerSettings({ ...PLANE, WEBHOOK_MAX_BYTES: "5000000" })).toMatchObject({ settings });
});

const NO_TICKETS = "nothing: tickets need a machine with a ticket runner; remove it";

test("what a Worker cannot do is refused with what to do instead", () => {
  const files = { SECRETS_FILE: "data/secrets.json", GROUNDCREW_CONFIG: "crew.json", ADMIN_TOKEN_FILE: "/run/admin" };
  expect(readProblems({ ...PLANE, ...files, STORE_URL: "redis://127.0.0.1", METRICS_PORT: "9464" })).toEqual([
    "SECRETS_FILE: nothing: a Worker reads no files; npm run deploy:workers sends its secrets to Cloudflare",
    "GROUNDCREW_CONFIG: the text of the settings file in GROUNDCREW_CONFIG_JSON, because a Worker reads no files",
    "ADMIN_TOKEN_FILE: the secret itself in ADMIN_TOKEN, because a Worker reads no files",
    "STORE_URL: nothing: on Workers the store is the Durable Object, neither a file nor Redis; remove it",
    "METRICS_PORT: nothing: a Worker has no second port and no metrics; remove it",
  ]);
  const telegram = { TELEGRAM_BOT_TOKEN: "123456:abcdefghijklmnopqrstuvwxyzABCDEFGHI", TELEGRAM_CHAT_ID: "7" };
  const webhook = "TELEGRAM_MODE: webhook and PUBLIC_URL: a Worker cannot poll Telegram";
  expect(readProblems({ ...PLANE, ...telegram })).toEqual([webhook]);
  expect(readProblems({})).toEqual(["PLANE_URL: Plane's address: the demo does not run on Workers"]);
  const tickets = { GROUNDCREW_CONFIG_JSON: { tickets: { repositories: { ONB: "/srv/onboarding" } } } };
  const runner = { RUNNER_TOKEN: "a-token-of-a-runner-in-tests", ALLOW_TEST_TICKETS: "1" };
  expect(readProblems({ ...PLANE, ...runner, ...tickets })).toEqual(
    ["RUNNER_TOKEN", "ALLOW_TEST_TICKETS", "tickets"].map((name) => `${name}: ${NO_TICKETS}`),
  );
});

const AGENTS = Array.from({ length: 60 }, (_, i) => ({ name: `Agent ${i}`, email: `a${i}@example.com` }));
const ADMIN_TOKEN = ["first-admin-token-of-tests", "second-admin-token-of-tests"];
/** What provision writes: secrets, the connection and the settings file in one folder. */
const FILES: Record<string, object> = {
  "data/secrets.json": { PLANE_API_KEY: "plane_api_of_this_test", ADMIN_TOKEN },
  "data/groundcrew.json": { agents: AGENTS },
};
const ENVIRONMENT = {
  ...{ PATH: "/usr/bin", AWS_SECRET_ACCESS_KEY: "of another program", PLANE_WORKSPACE: "javisi" },
  ...{ PLANE_URL, PUBLIC_URL: "https://crew.example.com" },
};

async function deploy(
  environment: Record<string, string>,
  { args = [] as string[], listed = [] as string[], bulkCode = 0 } = {},
) {
  const commands: string[] = [];
  const sent: Record<string, string | null> = {};
  const lines: string[] = [];
  const code = await deployWorker({
    environment,
    files: { read: (path) => (FILES[path] ? { text: JSON.stringify(FILES[path]), mode: 0o600 } : undefined) },
    args,
    async runWrangler(command, input) {
      commands.push(command.join(" "));
      const output = command[1] === "list" ? JSON.stringify(listed.map((name) => ({ name }))) : "";
      if (command[1] === "bulk") Object.assign(sent, JSON.parse(input ?? ""));
      return { code: command[1] === "bulk" ? bulkCode : 0, output };
    },
    write: (line) => lines.push(line),
  });
  return { code, commands, sent, text: lines.join("\n") };
}

test("a Plane that Cloudflare cannot reach, and settings that cannot be used on Workers, are refused at deployment", async () => {
  const hosts = ["localhost:8000", "10.1.2.3", "[fd00::1]:80", "plane:8000", "172.16.0.1", "100.64.0.1", "[::1]"];
  for (const address of [...hosts.map((host) => `http://${host}`), "https://plane.internal"]) {
    const { code, commands, text } = await deploy({ ...ENVIRONMENT, PLANE_URL: address });
    expect([address, code, commands]).toEqual([address, 78, []]);
    for (const part of ["PLANE_URL", new URL(address).hostname]) expect(text).toContain(part);
  }
  const { code, commands, text } = await deploy({ ...ENVIRONMENT, STORE_URL: "redis://127.0.0.1" });
  expect([code, commands]).toEqual([78, []]);
  expect(text).toContain("on Workers the store is the Durable Object");
});

test("a deployment sends what provision wrote as the Worker's variables and nothing else; what was removed is deleted, and foreign secrets stay", async () => {
  const removed = ["TELEGRAM_BOT_TOKEN", "AGENT_TOKEN_THOT", "TIMEZONE", "LOCALE", "GROUNDCREW_CONFIG_JSON_40"];
  const listed = [...removed, "PLANE_URL", "OTHER", "AGENT_OF_ANOTHER_PROGRAM"];
  const { code, commands, sent } = await deploy(ENVIRONMENT, { listed });
  expect([code, commands]).toEqual([0, ["deploy", "secret list --format json", "secret bulk"]]);
  expect(sent).toMatchObject({ ...PLANE, ADMIN_TOKEN: ADMIN_TOKEN.join(",") });
  const names = Object.keys(sent);
  expect(names.filter((name) => sent[name] === null)).toEqual(removed);
  for (const name of ["PATH", "AWS_SECRET_ACCESS_KEY", "OTHER"]) expect(names).not.toContain(name);
  expect(Math.max(...Object.values(sent).map((value) => Buffer.byteLength(value ?? "")))).toBeLessThan(5_120);
  const given = Object.fromEntries(Object.entries(sent).filter(([, value]) => value !== null));
  const settings = { agents: { length: 60 }, adminTokens: { length: 2 } };
  expect(readWorkerSettings(given)).toMatchObject({ ok: true, settings });
});

test("nothing is deployed with more variables than Cloudflare allows, and the error says which they are", async () => {
  const create = (name: string, count: number) => {
    const secrets = Array.from({ length: count }, (_, i) => [`${name}_AGENT_${i}`, `secret-of-agent-${i}-in-tests`]);
    return Object.fromEntries(secrets);
  };
  const tokens = { ...ENVIRONMENT, ...create("AGENT_TOKEN", 60) };
  const most = 128 - Object.keys((await deploy(tokens)).sent).length;
  expect((await deploy({ ...tokens, ...create("PLANE_API_KEY", most) })).code).toBe(0);
  const tooMany = await deploy({ ...tokens, ...create("PLANE_API_KEY", most + 1) });
  expect([tooMany.code, tooMany.commands]).toEqual([78, []]);
  expect(tooMany.text).toContain("these are 129 settings, and Cloudflare allows 128 for a Worker");
  expect(tooMany.text).toContain(`${60 + most + 1} of them are secrets of agents`);
});

test("a dry run sends nothing and names the settings, and a failed sending is reported", async () => {
  const dry = await deploy(ENVIRONMENT, { args: ["--dry-run"] });
  expect([dry.code, dry.commands]).toEqual([0, ["deploy --dry-run"]]);
  expect(dry.text).toContain("PLANE_API_KEY");
  expect(dry.text).not.toContain("plane_api_of_this_test");
  const failed = await deploy(ENVIRONMENT, { bulkCode: 1 });
  expect([failed.code, failed.text]).toEqual([1, expect.stringContaining("settings were not sent")]);
});
