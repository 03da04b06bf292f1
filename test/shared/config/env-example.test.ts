import { readFileSync } from "node:fs";
import { parseEnv } from "node:util";
import { expect, test } from "vitest";
import { ENVIRONMENT_NAMES } from "../../../shared/config/environment.ts";
import { PROVISION_SECRET_NAMES, SECRET_NAMES } from "../../../shared/config/secrets.ts";
import { createTestSettings, PLANE_ENV, TELEGRAM_ENV } from "../../support/settings.ts";

const text = readFileSync(".env.example", "utf8");
const lines = text.split("\n");
const examples = lines.flatMap((line, i) => {
  const name = /^#([A-Z_]+(?:<AGENT>)?)=/.exec(line)?.[1];
  return name ? [{ name, above: lines[i - 1] ?? "" }] : [];
});

test(".env.example names every setting once and no other", () => {
  const agents = ["PLANE_API_KEY_<AGENT>", "AGENT_TOKEN_<AGENT>"];
  const known = [...ENVIRONMENT_NAMES, ...SECRET_NAMES, ...PROVISION_SECRET_NAMES, ...agents];
  expect(examples.map(({ name }) => name).sort()).toEqual(known.sort());
});

test(".env.example explains each setting in the line above it", () => {
  for (const { name, above } of examples) expect(above, name).toMatch(/^# .{10,}\.$/);
});

test(".env.example marks each secret as such", () => {
  for (const { name, above } of examples)
    expect(above.includes("(secret"), name).toBe(
      [...SECRET_NAMES, ...PROVISION_SECRET_NAMES].includes(name) || name.includes("<"),
    );
});

test(".env.example contains valid examples and correct defaults", () => {
  const examples = parseEnv(text.replace(/^#(?=[A-Z_]+=[^…\n]*$)/gm, ""));
  expect(Object.keys(examples).length).toBeGreaterThan(20);
  const { GROUNDCREW_CONFIG: _, ...env } = examples;
  const settings = createTestSettings({ ...env, ...PLANE_ENV, ...TELEGRAM_ENV });
  const plain = createTestSettings({ ...PLANE_ENV, ...TELEGRAM_ENV });
  expect(settings).toMatchObject({
    host: plain.host,
    port: plain.port,
    store: plain.store,
    pollCron: plain.pollCron,
    locale: plain.locale,
    logLevel: plain.logLevel,
    secretsFile: plain.secretsFile,
    webhookLimit: plain.webhookLimit,
  });
});
