import fc from "fast-check";
import { expect, test } from "vitest";
import { type PolicyFile, policyFileSchema, ticketsSchema } from "../../../shared/config/tickets-schema.ts";
import { mergePolicy, type PolicyValues, rankLooseness } from "../../../shared/tickets/policy.ts";

const ORDERED = [
  ...(["permission_mode", "sandbox", "network", "publish", "plan_first"] as const),
  ...(["minutes", "budget_usd", "max_sessions"] as const),
];
const RULES = ["Read(./.env)", "Bash(npm test:*)", "Edit(src/**)", "mcp__docs__*"];
const VARIABLES = ["NPM_CONFIG_CACHE", "CI", "PROXY"];

const parseSettings = (repository: object = {}, general: object = {}) =>
  ticketsSchema.parse({ repositories: { ONB: { path: "/srv/onb", ...repository } }, ...general });

const maybe = <T>(values: fc.Arbitrary<T>) => fc.option(values, { nil: undefined });
const lines = fc
  .record({
    permission_mode: maybe(fc.constantFrom("dontAsk", "manual", "acceptEdits", "bypassPermissions")),
    sandbox: maybe(fc.constantFrom("required", "auto", "off")),
    network: maybe(fc.constantFrom("model", "all")),
    publish: maybe(fc.constantFrom("none", "push", "pull-request")),
    plan_first: maybe(fc.boolean()),
    minutes: maybe(fc.integer({ min: 1, max: 100 })),
    max_sessions: maybe(fc.integer({ min: 1, max: 10 })),
    budget_usd: maybe(fc.integer({ min: 1, max: 100 })),
    allow: maybe(fc.subarray(RULES)),
    deny: maybe(fc.subarray(RULES)),
    env: maybe(fc.subarray(VARIABLES)),
    readable: maybe(fc.subarray(["/opt/sdk", "/srv/data"])),
    cli: maybe(fc.constantFrom("claude", "codex", { command: ["/bin/mine"] })),
    model: maybe(fc.constantFrom("opus", "haiku")),
    test_command: maybe(fc.constantFrom("npm test", "make test")),
  })
  .map((given): PolicyFile => policyFileSchema.parse(JSON.parse(JSON.stringify(given))));
const rules = fc.record({ allow: fc.subarray(RULES), ask: fc.subarray(RULES), deny: fc.subarray(RULES) });

const includesAll = (whole: readonly string[], part: readonly string[]) => part.every((one) => whole.includes(one));

/** Names of the lines in which the first policy lets sessions do more than the second. */
function findLooser(after: PolicyValues, before: PolicyValues): string[] {
  const commands = [after, before].map(({ cli }) => typeof cli === "object" && cli.command.join(" "));
  return [
    ...ORDERED.filter((name) => rankLooseness(name, after[name]) > rankLooseness(name, before[name])),
    ...(["allow", "env", "readable"] as const).filter((name) => !includesAll(before[name], after[name])),
    ...(["deny", "ask"] as const).filter((name) => !includesAll(after[name], before[name])),
    ...(commands[0] && commands[0] !== commands[1] ? ["cli"] : []),
    ...(Object.keys(after.servers).length > 0 ? ["servers"] : []),
  ];
}

test("what a base branch says never loosens the policy of a repository that is not trusted", () => {
  fc.assert(
    fc.property(lines, lines, rules, fc.integer({ min: 1, max: 100 }), (own, file, found, minutes) => {
      const settings = parseSettings(own, { minutes });
      const before = mergePolicy(settings, "ONB");
      const after = mergePolicy(settings, "ONB", { file, rules: found, servers: { docs: { command: "docs" } } });
      expect(findLooser(after.values, before.values)).toEqual([]);
    }),
  );
});

test("what a trusted base branch says never loosens what the administrator has set for the repository", () => {
  fc.assert(
    fc.property(lines, lines, (own, file) => {
      const after = mergePolicy(parseSettings({ ...own, trust_repository: true }), "ONB", { file }).values;
      const looser = ORDERED.filter(
        (name) => own[name] !== undefined && rankLooseness(name, after[name]) > rankLooseness(name, own[name]),
      );
      expect(looser).toEqual([]);
      expect(includesAll(after.deny, own.deny ?? [])).toBe(true);
      if (own.env) expect(includesAll(own.env, after.env)).toBe(true);
    }),
  );
});

test("each line of the file is in force, is what is in force already, or is left out with a reason", () => {
  fc.assert(
    fc.property(lines, lines, fc.boolean(), (own, file, trust_repository) => {
      const { lines: inForce, leftOut } = mergePolicy(parseSettings({ ...own, trust_repository }), "ONB", { file });
      for (const [name, value] of Object.entries(file))
        for (const one of Array.isArray(value) ? value : [value])
          expect([...inForce, ...leftOut]).toContainEqual(expect.objectContaining({ name, value: one }));
      expect(leftOut.filter(({ why }) => why === "")).toEqual([]);
    }),
  );
});

test("rules of the base branch deny and ask in any case, and allow only where it is trusted", () => {
  const file = { allow: ["Bash(npm test:*)"], deny: ["Read(./.env)"] };
  const given = { file, rules: { allow: ["Edit(src/**)"], ask: ["Bash(git push:*)"], deny: ["WebFetch"] } };
  const own = { deny: ["Bash(curl:*)"], allow: ["WebFetch", "Bash(make:*)"] };
  const strict = mergePolicy(parseSettings(own), "ONB", given);
  expect(strict.values).toMatchObject({
    allow: ["Bash(make:*)"],
    ask: ["Bash(git push:*)"],
    deny: ["Bash(curl:*)", "Read(./.env)", "WebFetch"],
  });
  expect(strict.leftOut.map(({ value, from, why }) => [value, from, why.split(":")[0]])).toEqual([
    ["WebFetch", "tickets.repositories.ONB.allow", "the same rule is denied"],
    ["Bash(npm test:*)", ".groundcrew.json", "only the administrator may loosen"],
    ["Edit(src/**)", ".claude/settings.json", "only the administrator may loosen"],
  ]);
  const trusted = mergePolicy(parseSettings({ ...own, trust_repository: true }), "ONB", given);
  expect(trusted.values.allow).toEqual(["Bash(make:*)", "Bash(npm test:*)", "Edit(src/**)"]);
});

test("servers of the base branch count only where it is trusted, and none takes the name of Groundcrew's", () => {
  const servers = { docs: { command: "docs" }, groundcrew: { command: "forged" } };
  expect(mergePolicy(parseSettings(), "ONB", { servers }).values.servers).toEqual({});
  const { values, leftOut } = mergePolicy(parseSettings({ trust_repository: true }), "ONB", { servers });
  expect(values.servers).toEqual({ docs: { command: "docs" } });
  expect(leftOut).toMatchObject([{ value: "groundcrew", why: "the name is Groundcrew's own" }]);
});

test("a command as CLI, paths of the machine and further variables come from the administrator only", () => {
  const file: PolicyFile = { cli: { command: ["/bin/sh"] }, readable: ["/home"], env: ["CI", "HOME_TOKEN"] };
  const strict = mergePolicy(parseSettings({ env: ["CI", "NPM"] }), "ONB", { file });
  expect(strict.values).toMatchObject({ cli: "claude", readable: [], env: ["CI"] });
  expect(strict.leftOut.map(({ name, value }) => [name, value])).toEqual([
    ["cli", file.cli],
    ["env", "HOME_TOKEN"],
    ["env", "NPM"],
    ["readable", "/home"],
  ]);
  expect(mergePolicy(parseSettings({ trust_repository: true }), "ONB", { file }).values).toMatchObject(file);
});

test.each([
  [{ network: "model", sandbox: "off" }, "network is model, which only a box keeps, and sandbox is off"],
  [{ permission_mode: "bypassPermissions" }, "permission_mode is bypassPermissions, and sandbox is not required"],
  [{ allow: ["WebFetch"], deny: ["WebFetch"] }, "WebFetch is in allow and in deny"],
  [{ cli: "codex", budget_usd: 5 }, "Codex reports no money, so that budget_usd cannot be kept"],
  [{ cli: "codex", deny: ["WebFetch"] }, "Codex knows no rules: remove allow and deny"],
  [{ cli: { command: ["/bin/mine"] }, plan_first: true }, "mine makes no plan, and plan_first is true"],
])("the contradiction in %j is found", (own, problem) => {
  expect(mergePolicy(parseSettings(own), "ONB").problems).toEqual([problem]);
});
