import { expect, test } from "vitest";
import { startGateway } from "../../support/openclaw-gateway.ts";
import { createDoctorSetup, getFindings, startFixedResponseServer } from "./doctor-setup.ts";

const TOKEN = "marked-secret-hook-token";

async function createGatewaySetup(options: Partial<Parameters<typeof startGateway>[0]> = {}) {
  const gateway = await startGateway({ version: "2026.9.6", token: TOKEN, ...options });
  const setUp = await createDoctorSetup();
  Object.assign(setUp.env, { OPENCLAW_URL: gateway.url, OPENCLAW_HOOK_TOKEN: TOKEN });
  Object.assign(setUp.config.agents[0] ?? {}, { wake: "openclaw" });
  return { ...setUp, gateway };
}

test.each(["2026.9.6", "2026.2.26"] as const)(
  "The doctor checks OpenClaw without waking an agent and %s accepts the token",
  async (version) => {
    const { examine, gateway } = await createGatewaySetup({ version });
    expect(getFindings(await examine(), "openclaw")).toBe(`ok: ${gateway.url} accepts the hook token`);
    expect(gateway.runs).toEqual([]);
  },
);

test("The doctor checks OpenClaw without waking an agent and 2026.9 reports that it knows the agent", async () => {
  const { examine, gateway } = await createGatewaySetup();
  expect(getFindings(await examine(), "openclaw agent Imhotep")).toBe('ok: known as "imhotep"; it was not woken');
  expect(gateway.runs).toEqual([]);
});

test("The doctor checks OpenClaw without waking an agent: even where 2026.9 accepts session keys from outside", async () => {
  const { examine, gateway } = await createGatewaySetup({ sessionKeys: true });
  expect(getFindings(await examine(), "openclaw agent Imhotep")).toMatch(/^ok: /);
  expect(gateway.runs).toEqual([]);
});

test("The doctor checks OpenClaw without waking an agent and warns that 2026.2 does not report whether it knows an agent", async () => {
  const { examine, gateway } = await createGatewaySetup({ version: "2026.2.26" });
  expect(getFindings(await examine(), "openclaw agents")).toMatch(/^warning: this version does not report/);
  expect(gateway.runs).toEqual([]);
});

test("The doctor checks OpenClaw without waking an agent and fails for an agent that the gateway does not know", async () => {
  const { examine } = await createGatewaySetup({ agents: ["thot"] });
  expect(getFindings(await examine(), "openclaw agent Imhotep")).toBe(
    'failed: the gateway does not know the agent "imhotep"',
  );
});

test("The doctor checks OpenClaw without waking an agent and fails for an agent that hooks are not allowed to wake", async () => {
  const { examine } = await createGatewaySetup({ allowed: ["thot"] });
  expect(getFindings(await examine(), "openclaw agent Imhotep")).toBe(
    'failed: hooks are not allowed to wake "imhotep"',
  );
});

test("The doctor checks OpenClaw without waking an agent and fails for a wrong token without showing it", async () => {
  const { examine, env } = await createGatewaySetup();
  env["OPENCLAW_HOOK_TOKEN"] = "marked-secret-wrong";
  const findings = await examine();
  expect(getFindings(findings, "openclaw")).toMatch(/^failed: .* refuses the hook token \(401\)/);
  expect(JSON.stringify(findings)).not.toContain("marked-secret");
});

test("The doctor checks OpenClaw without waking an agent and fails for a gateway that cannot be reached", async () => {
  const { examine, env } = await createGatewaySetup();
  env["OPENCLAW_URL"] = "http://127.0.0.1:1";
  expect(getFindings(await examine(), "openclaw")).toMatch(/^failed: http:\/\/127\.0\.0\.1:1 cannot be reached/);
});

test("The doctor checks OpenClaw without waking an agent and fails for another program at the address without showing the token that it repeats", async () => {
  const { examine, env } = await createGatewaySetup();
  env["OPENCLAW_URL"] = await startFixedResponseServer(200, `you sent ${TOKEN}`);
  const findings = await examine();
  expect(getFindings(findings, "openclaw")).toMatch(/^failed: .*answers 200/);
  expect(JSON.stringify(findings)).not.toContain(TOKEN);
});
