import { expect, test } from "vitest";
import { deployWorker } from "../../../runtime/workers/deploy-worker.ts";
import { readWorkerSettings } from "../../../runtime/workers/settings.ts";

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
