import { expect, test } from "vitest";
import { createTestSettings, getSettingsProblems, PLANE_ENV } from "../../support/settings.ts";

const IMHOTEP = "bridge-token-of-imhotep";
const HASH = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

function createConfigFiles(...agents: object[]) {
  return { c: JSON.stringify({ agents }) };
}

const imhotep = { name: "Imhotep", email: "imhotep@javisi.local" };
const r2d2 = { name: "R2-D2", email: "r2d2@javisi.local" };
const env = { ...PLANE_ENV, GROUNDCREW_CONFIG: "c" };

test("AGENT_TOKEN_<AGENT> is found by the agent's name in every source of secrets", () => {
  const files = {
    ...createConfigFiles(imhotep, r2d2),
    "/token": `${IMHOTEP}\n`,
    "data/secrets.json": JSON.stringify({ AGENT_TOKEN_R2_D2: ["the-new-token-of-r2", "the-old-token-of-r2"] }),
  };
  const { agentTokens, secrets } = createTestSettings({ ...env, AGENT_TOKEN_IMHOTEP_FILE: "/token" }, files);
  expect(agentTokens).toEqual([
    { agent: "Imhotep", role: "worker", tokens: [IMHOTEP] },
    { agent: "R2-D2", role: "worker", tokens: ["the-new-token-of-r2", "the-old-token-of-r2"] },
  ]);
  expect(secrets).toEqual(expect.arrayContaining([IMHOTEP, "the-new-token-of-r2", "the-old-token-of-r2"]));
});

test.each(["sha256:", "sha256:abc", `sha256:${HASH}0`, "two words", "ünprintable-token"])(
  "AGENT_TOKEN_<AGENT> is refused with the value %j",
  (token) => {
    const [problem, ...others] = getSettingsProblems(
      { ...env, AGENT_TOKEN_IMHOTEP: token },
      createConfigFiles(imhotep),
    );
    expect(others).toEqual([]);
    expect(problem).toMatchObject({
      name: "AGENT_TOKEN_IMHOTEP",
      wanted: expect.stringContaining("sha256: and 64 hex"),
    });
    expect(JSON.stringify(problem)).not.toContain(token.slice(7) || "no value");
  },
);

test("AGENT_TOKEN_<AGENT> that is too short is refused without repeating the token, also for an unknown agent", () => {
  for (const name of ["AGENT_TOKEN_IMHOTEP", "AGENT_TOKEN_SHURI"]) {
    const problems = getSettingsProblems({ ...env, [name]: "s3cret" }, createConfigFiles(imhotep));
    expect(problems).toMatchObject([{ name, given: "a value of 6 characters" }]);
    expect(JSON.stringify(problems)).not.toContain("s3cret");
  }
});

test.each([
  ["ADMIN_TOKEN", IMHOTEP],
  ["RUNNER_TOKEN", IMHOTEP],
])("AGENT_TOKEN_<AGENT> is refused when it is the same as %s", (name, token) => {
  const tokenEnv = { ...env, AGENT_TOKEN_IMHOTEP: `another-token-of-imhotep,${IMHOTEP}`, [name]: token };
  const problems = getSettingsProblems(tokenEnv, createConfigFiles(imhotep, r2d2));
  expect(problems).toHaveLength(1);
  expect(problems[0]?.given).toMatch(/^the same token as (AGENT_TOKEN_IMHOTEP|ADMIN_TOKEN|TICK_TOKEN|RUNNER_TOKEN)$/);
  expect(JSON.stringify(problems)).not.toContain(IMHOTEP);
});
