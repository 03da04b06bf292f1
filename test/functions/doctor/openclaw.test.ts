import { describe, expect, it } from "vitest";
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

describe("The doctor looks at OpenClaw without waking anybody", () => {
  it.each(["2026.9.6", "2026.2.26"] as const)("%s takes the token, and nothing is run", async (version) => {
    const { examine: look, gateway } = await createGatewaySetup({ version });
    expect(getFindings(await look(), "openclaw")).toBe(`ok: ${gateway.url} takes the hook token`);
    expect(gateway.runs).toEqual([]);
  });

  it("2026.9 says that it knows the agent", async () => {
    const { examine: look, gateway } = await createGatewaySetup();
    expect(getFindings(await look(), "openclaw agent Imhotep")).toBe('ok: known as "imhotep"; nobody was woken');
    expect(gateway.runs).toEqual([]);
  });

  it("2026.9 runs nothing either where it takes session keys from outside", async () => {
    const { examine: look, gateway } = await createGatewaySetup({ sessionKeys: true });
    expect(getFindings(await look(), "openclaw agent Imhotep")).toMatch(/^ok: /);
    expect(gateway.runs).toEqual([]);
  });

  it("2026.2 does not tell of agents, which is said", async () => {
    const { examine: look, gateway } = await createGatewaySetup({ version: "2026.2.26" });
    expect(getFindings(await look(), "openclaw agents")).toMatch(/^warning: this version does not tell/);
    expect(gateway.runs).toEqual([]);
  });

  it("an agent the gateway does not know is said", async () => {
    const { examine: look } = await createGatewaySetup({ agents: ["thot"] });
    expect(getFindings(await look(), "openclaw agent Imhotep")).toBe('failed: the gateway knows no agent "imhotep"');
  });

  it("an agent that hooks may not wake is said", async () => {
    const { examine: look } = await createGatewaySetup({ allowed: ["thot"] });
    expect(getFindings(await look(), "openclaw agent Imhotep")).toBe('failed: hooks may not wake "imhotep"');
  });

  it("a wrong token is said, without it", async () => {
    const { examine: look, env } = await createGatewaySetup();
    env["OPENCLAW_HOOK_TOKEN"] = "marked-secret-wrong";
    const findings = await look();
    expect(getFindings(findings, "openclaw")).toMatch(/^failed: .* refuses the hook token \(401\)/);
    expect(JSON.stringify(findings)).not.toContain("marked-secret");
  });

  it("a gateway that is not there is said", async () => {
    const { examine: look, env } = await createGatewaySetup();
    env["OPENCLAW_URL"] = "http://127.0.0.1:1";
    expect(getFindings(await look(), "openclaw")).toMatch(/^failed: http:\/\/127\.0\.0\.1:1 cannot be reached/);
  });

  it("another program at its address is said, and the token it repeats is not shown", async () => {
    const { examine: look, env } = await createGatewaySetup();
    env["OPENCLAW_URL"] = await startFixedResponseServer(200, `you sent ${TOKEN}`);
    const findings = await look();
    expect(getFindings(findings, "openclaw")).toMatch(/^failed: .*answers 200/);
    expect(JSON.stringify(findings)).not.toContain(TOKEN);
  });
});
