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
  const paths = globSync("{shared,functions,runtime}/**/*.ts");
  const used = paths.flatMap((path) =>
    [...readFileSync(path, "utf8").matchAll(/\bz\.([a-z]\w*)/g)].map(([, name = ""]) => name),
  );
  // A chain that begins on one line and goes on in the next.
  const chained = paths.flatMap((path) =>
    [...readFileSync(path, "utf8").matchAll(/\bz\n\s*\.([a-z]\w*)/g)].map(([, name = ""]) => name),
  );
  const missing = [...new Set([...used, ...chained])].filter((name) => !TYPES.has(name) && !(name in z));
  expect([used.length > 500, missing]).toEqual([true, []]);
});

const PLANE = {
  PLANE_URL: "https://plane.example.com",
  PLANE_API_KEY: "plane_api_of_this_test",
  PLANE_WORKSPACE: "javisi",
};

function readProblems(env: Record<string, unknown>): string[] {
  const parsed = readWorkerSettings(env);
  return parsed.ok ? [] : parsed.problems.map(({ name, wanted }) => `${name}: ${wanted}`);
}

test("a Worker's settings come from its variables, the settings file from the text or JSON of one of them", () => {
  const file = { agents: [{ name: "Thot", email: "thot@example.com" }] };
  for (const given of [JSON.stringify(file), file]) {
    const parsed = readWorkerSettings({ ...PLANE, GROUNDCREW_CONFIG_JSON: given, GROUNDCREW: { getByName: () => {} } });
    expect(parsed).toMatchObject({
      ok: true,
      settings: { agents: [{ name: "Thot" }], plane: { workspace: "javisi" } },
    });
  }
});

test("what a Worker cannot do is refused with what to do instead", () => {
  const problems = readProblems({
    ...PLANE,
    STORE_URL: "redis://127.0.0.1",
    SECRETS_FILE: "data/secrets.json",
    GROUNDCREW_CONFIG: "crew.json",
    METRICS_PORT: "9464",
    ADMIN_TOKEN_FILE: "/run/admin",
  });
  expect(problems).toEqual([
    "STORE_URL: nothing: on Workers the store is the Durable Object, neither a file nor Redis; remove it",
    "SECRETS_FILE: nothing: a Worker reads no files; npm run deploy:workers sends its secrets to Cloudflare",
    "GROUNDCREW_CONFIG: the text of the settings file in GROUNDCREW_CONFIG_JSON, because a Worker reads no files",
    "METRICS_PORT: nothing: a Worker has no second port and no metrics; remove it",
    "ADMIN_TOKEN_FILE: the secret itself in ADMIN_TOKEN, because a Worker reads no files",
  ]);
  const telegram = { TELEGRAM_BOT_TOKEN: "123456:abcdefghijklmnopqrstuvwxyzABCDEFGHI", TELEGRAM_CHAT_ID: "7" };
  expect(readProblems({ ...PLANE, ...telegram })).toEqual([
    "TELEGRAM_MODE: webhook and PUBLIC_URL: a Worker cannot poll Telegram",
  ]);
  expect(readProblems({})).toEqual(["PLANE_URL: Plane's address: the demo does not run on Workers"]);
});

test("tickets are refused, because their sessions run on a machine", () => {
  const wanted = "nothing: tickets need a machine with a ticket runner; remove it";
  const tickets = { repositories: { ONB: "/srv/onboarding" } };
  const env = { ...PLANE, RUNNER_TOKEN: "a-token-of-a-runner-in-tests", ALLOW_TEST_TICKETS: "1" };
  expect(readProblems({ ...env, GROUNDCREW_CONFIG_JSON: { tickets } })).toEqual([
    `RUNNER_TOKEN: ${wanted}`,
    `ALLOW_TEST_TICKETS: ${wanted}`,
    `tickets: ${wanted}`,
  ]);
});

test("a Worker's other settings are checked as on Node", () => {
  expect(readProblems({ ...PLANE, PLANE_URL: "plane" })).toEqual([expect.stringContaining("PLANE_URL")]);
  expect(readProblems({ ...PLANE, GROUNDCREW_CONFIG_JSON: "{" })).toHaveLength(1);
});

test("a webhook's body is limited to what a row of the object can hold", () => {
  const parsed = readWorkerSettings({ ...PLANE, WEBHOOK_MAX_BYTES: "5000000" });
  expect(parsed.ok && parsed.settings.webhookLimit).toBe(1_500_000);
});

const AGENTS = Array.from({ length: 60 }, (_, i) => ({ name: `Agent ${i}`, email: `a${i}@example.com` }));

/** What provision writes: secrets, the connection and the settings file in one folder. */
const FILES: Record<string, string> = {
  "data/secrets.json": JSON.stringify({
    PLANE_API_KEY: "plane_api_of_this_test",
    ADMIN_TOKEN: ["first-admin-token-of-tests", "second-admin-token-of-tests"],
  }),
  "data/groundcrew.json": JSON.stringify({ agents: AGENTS }),
};
const read = (path: string) => {
  const text = FILES[path];
  return text === undefined ? undefined : { text, mode: 0o600 };
};
const ENVIRONMENT = {
  PATH: "/usr/bin",
  AWS_SECRET_ACCESS_KEY: "of another program",
  PLANE_URL: "https://plane.example.com",
  PLANE_WORKSPACE: "javisi",
  PUBLIC_URL: "https://crew.example.com",
};

async function deploy(
  environment: Record<string, string>,
  { args = [] as string[], listed = "[]", bulkCode = 0 } = {},
) {
  const commands: string[] = [];
  const sent: Record<string, string | null> = {};
  const lines: string[] = [];
  const code = await deployWorker({
    environment,
    files: { read },
    args,
    async runWrangler(command, input) {
      commands.push(command.join(" "));
      if (command[1] === "list") return { code: 0, output: listed };
      if (command[1] !== "bulk") return { code: 0, output: "" };
      Object.assign(sent, JSON.parse(input ?? ""));
      return { code: bulkCode, output: "" };
    },
    write: (line) => lines.push(line),
  });
  return { code, commands, sent, text: lines.join("\n") };
}

test.each([
  ...["http://localhost:8000", "http://10.1.2.3", "http://[fd00::1]:80", "http://plane:8000", "https://plane.internal"],
  ...["http://172.16.0.1", "http://100.64.0.1", "http://[::1]"],
])("a Plane at %s, which Cloudflare cannot reach, is refused at deployment", async (address) => {
  const { code, commands, text } = await deploy({ ...ENVIRONMENT, PLANE_URL: address });
  expect([code, commands]).toEqual([78, []]);
  expect(text).toContain("PLANE_URL");
  expect(text).toContain(new URL(address).hostname);
});

test("a deployment sends what provision wrote as the Worker's variables, and nothing else of the environment", async () => {
  const { code, commands, sent } = await deploy(ENVIRONMENT);
  expect([code, commands]).toEqual([0, ["deploy", "secret list --format json", "secret bulk"]]);
  expect(sent).toMatchObject({
    PLANE_URL: "https://plane.example.com",
    PLANE_API_KEY: "plane_api_of_this_test",
    ADMIN_TOKEN: "first-admin-token-of-tests,second-admin-token-of-tests",
  });
  expect(Object.keys(sent)).not.toContain("PATH");
  expect(Object.keys(sent)).not.toContain("AWS_SECRET_ACCESS_KEY");
  expect(Math.max(...Object.values(sent).map((value) => Buffer.byteLength(value ?? "")))).toBeLessThan(5_120);
  const parsed = readWorkerSettings(sent);
  expect(parsed).toMatchObject({ ok: true, settings: { agents: { length: 60 }, adminTokens: { length: 2 } } });
});

test("every setting that was removed here is deleted there, and foreign secrets stay", async () => {
  const removed = ["TELEGRAM_BOT_TOKEN", "AGENT_TOKEN_THOT", "TIMEZONE", "LOCALE", "GROUNDCREW_CONFIG_JSON_40"];
  const listed = JSON.stringify(
    [...removed, "PLANE_URL", "OTHER", "AGENT_OF_ANOTHER_PROGRAM"].map((name) => ({ name })),
  );
  const { sent } = await deploy(ENVIRONMENT, { listed });
  expect(Object.keys(sent).filter((name) => sent[name] === null)).toEqual(removed);
  expect(sent["PLANE_URL"]).toBe("https://plane.example.com");
  expect(Object.keys(sent)).not.toContain("OTHER");
});

test("nothing is deployed with more variables than Cloudflare allows, and the error says which they are", async () => {
  const createTokens = (count: number) =>
    Object.fromEntries(
      Array.from({ length: count }, (_, i) => [`AGENT_TOKEN_AGENT_${i}`, `bridge-token-number-${i}-of-tests`]),
    );
  const { sent } = await deploy({ ...ENVIRONMENT, ...createTokens(60) });
  const others = Object.keys(sent).length - 60;
  const createKeys = (count: number) =>
    Object.fromEntries(
      Array.from({ length: count }, (_, i) => [`PLANE_API_KEY_AGENT_${i}`, `plane_api_of_agent_${i}_in_tests`]),
    );
  const most = 128 - others - 60;
  expect((await deploy({ ...ENVIRONMENT, ...createTokens(60), ...createKeys(most) })).code).toBe(0);
  const tooMany = await deploy({ ...ENVIRONMENT, ...createTokens(60), ...createKeys(most + 1) });
  expect([tooMany.code, tooMany.commands]).toEqual([78, []]);
  expect(tooMany.text).toContain("these are 129 settings, and Cloudflare allows 128 for a Worker");
  expect(tooMany.text).toContain(`${60 + most + 1} of them are secrets of agents`);
});

test("nothing is deployed with settings that cannot be used on Workers", async () => {
  const { code, commands, text } = await deploy({ ...ENVIRONMENT, STORE_URL: "redis://127.0.0.1" });
  expect([code, commands]).toEqual([78, []]);
  expect(text).toContain("on Workers the store is the Durable Object");
});

test("a dry run sends nothing and names the settings, and a failed sending is reported", async () => {
  const dry = await deploy(ENVIRONMENT, { args: ["--dry-run"] });
  expect([dry.code, dry.commands]).toEqual([0, ["deploy --dry-run"]]);
  expect(dry.text).toContain("PLANE_API_KEY");
  expect(dry.text).not.toContain("plane_api_of_this_test");
  const failed = await deploy(ENVIRONMENT, { bulkCode: 1 });
  expect([failed.code, failed.text]).toEqual([1, expect.stringContaining("settings were not sent")]);
});
