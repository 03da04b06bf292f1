import { expect, test } from "vitest";
import { createExistingInstance, rejectForm } from "./existing-instance.ts";
import { createProvisionSetup } from "./provision-setup.ts";

/** Clears the screen, starts a line of its own, turns the reading direction and hides text. */
const HOSTILE = "\u001b[2J\u001b]0;owned\u0007\r\n  create  forged: line\u202eesrever\u2066\u200b\u0085\u009b31m";
const LONG = `${HOSTILE}${"x".repeat(100_000)}`;

/** Everything that a terminal may interpret, other than the line feed at the end of a line. */
const NOT_PRINTABLE = /[^\P{C}\n]|[\u2028\u2029]/u;

function expectHarmless({ out, err }: { out: string; err: string }) {
  for (const text of [out, err]) {
    expect(NOT_PRINTABLE.exec(text)).toBeNull();
    expect(text).not.toMatch(/^ {2}create {2}forged/m);
    expect(text.split("\n").every((line) => line.length <= 5_000)).toBe(true);
  }
}

test.each([400, 401, 403, 409, 500])(
  "an error message of Plane (%i) reaches the terminal as printable text",
  async (status) => {
    const setup = await createProvisionSetup();
    const body = JSON.stringify({ error: LONG, [HOSTILE]: [HOSTILE] });
    setup.plane.faults.add({ method: "POST", path: "/labels/" }, { kind: "status", status, body });
    setup.plane.faults.add({ method: "POST", path: "/webhooks/" }, { kind: "status", status, body });
    const result = await setup.provision();
    expect(result.exit).toBe(1);
    expect(result.out).toContain("failed  webhook: ");
    expectHarmless(result);
  },
);

test("the reason of a refused form reaches the terminal as one line of printable text", async () => {
  const { setup } = await createExistingInstance();
  rejectForm(setup, "/auth/sign-in/", encodeURIComponent(`${HOSTILE}${"x".repeat(6_000)}`));
  const result = await setup.provision();
  expect(result.exit).toBe(1);
  expect(result.out).toContain("forged");
  expectHarmless(result);
  expectHarmless({ ...(await setup.provision(["--yes", "--json"])), out: "" });
});

test.each(["current_version", "edition"])(
  "the %s of Plane reaches the terminal as one line of printable text",
  async (field) => {
    const setup = await createProvisionSetup();
    const fetch: typeof globalThis.fetch = async (input, init) => {
      const answer = await globalThis.fetch(input, init);
      if (new URL(String(input)).pathname !== "/api/instances/") return answer;
      const info = JSON.parse(await answer.text());
      info.instance[field] = LONG;
      return Response.json(info);
    };
    expectHarmless(await setup.provision(["--yes"], { fetch }));
    const { out, steps } = await setup.provisionWithReport(["--yes"], { fetch });
    expect(NOT_PRINTABLE.exec(out)).toBeNull();
    expect(steps.find(({ name }) => name === "plane")?.detail.length).toBeLessThanOrEqual(4_000);
  },
);

test.each([
  ["the API key", "/api/users/api-tokens/", "token"],
  ["the webhook secret", "/api/workspaces/javisi/webhooks/", "secret_key"],
])("a value of Plane as %s with line breaks is neither stored nor printed", async (_what, path, field) => {
  const setup = await createProvisionSetup();
  const fetch: typeof globalThis.fetch = async (input, init) => {
    const answer = await globalThis.fetch(input, init);
    if (new URL(String(input)).pathname !== path || init?.method !== "POST") return answer;
    return Response.json({
      ...JSON.parse(await answer.text()),
      [field]: "stolen\nNODE_OPTIONS=--import=evil\u001b[2J",
    });
  };
  const result = await setup.provision(["--yes", "--print-env"], { fetch });
  expect(result.exit).toBe(1);
  expect(result.out).toContain("ADMIN_TOKEN=");
  expect(result.out).not.toContain("NODE_OPTIONS");
  expect(result.err).not.toContain("NODE_OPTIONS");
  expect([...setup.files.values()].some(({ text }) => text.includes("NODE_OPTIONS"))).toBe(false);
  expectHarmless(result);
});
