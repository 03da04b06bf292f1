import { describe, expect, it } from "vitest";
import { ACCOUNT_PASSWORD, createDoctorSetup, getFindings, WEBHOOK_TARGET } from "./doctor-setup.ts";

describe("The doctor looks at Plane", () => {
  it("and says in a healthy set-up what it found, without a single failure", async () => {
    const { examine: look } = await createDoctorSetup();
    const findings = await look();
    expect(findings.checks.filter(({ status }) => status !== "ok")).toEqual(
      [expect.objectContaining({ name: "telegram webhook" })].slice(1),
    );
    expect(findings.ok).toBe(true);
    expect(getFindings(findings, "plane")).toBe("ok: 1.3.1, PLANE_COMMUNITY, relations and webhooks of edits by API");
    expect(getFindings(findings, "plane uploads")).toContain("5 MiB");
    expect(getFindings(findings, "plane key")).toBe("ok: valid, of ada");
    expect(getFindings(findings, "plane workspace")).toBe("ok: javisi, following ONB");
    expect(getFindings(findings, "plane quota")).toBe("ok: 58 of 60 requests are left of this minute");
    expect(getFindings(findings, "plane clock")).toMatch(/^ok: within \d s/);
    expect(getFindings(findings, "plane webhook")).toContain(`ok: ${WEBHOOK_TARGET} is switched on`);
    expect(getFindings(findings, "agent Imhotep")).toContain("ok: ");
  });

  it("costs three requests of the key's quota, and two of each agent's", async () => {
    const { examine: look, plane, ada, imhotep } = await createDoctorSetup();
    await look();
    const owners = plane.ledger.requests.filter(({ api }) => api).map(({ owner }) => owner);
    expect(owners.filter((id) => id === ada.id)).toHaveLength(3);
    expect(owners.filter((id) => id === imhotep.id)).toHaveLength(2);
  });

  it("and says of v1.2.x what it lacks, as a warning", async () => {
    const { examine: look } = await createDoctorSetup({ version: "1.2.2" });
    const findings = await look();
    expect(getFindings(findings, "plane")).toMatch(/^warning: 1\.2\.0, PLANE_COMMUNITY: no relations/);
    expect(findings.ok).toBe(true);
  });

  it("and says that it does not answer, and nothing more of it", async () => {
    const { examine: look, plane } = await createDoctorSetup();
    await plane.takeDown();
    const findings = await look();
    expect(findings.ok).toBe(false);
    expect(getFindings(findings, "plane")).toMatch(/^failed: Plane could not be reached .*ECONNREFUSED/);
    expect(findings.checks.filter(({ name }) => name.startsWith("plane"))).toHaveLength(1);
  });

  it("and says that the key is not valid", async () => {
    const { examine: look, plane, env } = await createDoctorSetup();
    plane.revokeKey(env["PLANE_API_KEY"] ?? "");
    expect(getFindings(await look(), "plane key")).toMatch(/^failed: .*not valid/);
  });

  it("and says that the workspace is not known", async () => {
    const { examine: look, env } = await createDoctorSetup();
    env["PLANE_WORKSPACE"] = "nope";
    expect(getFindings(await look(), "plane workspace")).toMatch(/^failed: nope: /);
  });

  it("and says that a project of PLANE_PROJECTS is not there", async () => {
    const { examine: look, env } = await createDoctorSetup();
    env["PLANE_PROJECTS"] = "ONB,OPS";
    expect(getFindings(await look(), "plane workspace")).toBe("failed: javisi has no project OPS");
  });

  it("and says that the quota is used up, as a warning", async () => {
    const { examine: look, env } = await createDoctorSetup({ rateLimit: 1 });
    env["PLANE_RATE_LIMIT"] = "1";
    const findings = await look();
    expect(getFindings(findings, "plane workspace")).toMatch(/^warning: Plane's rate limit is reached/);
    expect(getFindings(findings, "plane quota")).toMatch(/^warning: only 0 of 1 /);
  });

  it("and says that the server allows more than PLANE_RATE_LIMIT makes use of", async () => {
    const { examine: look } = await createDoctorSetup({ rateLimit: 600 });
    expect(getFindings(await look(), "plane quota")).toMatch(/^warning: 598 .*more than PLANE_RATE_LIMIT/);
  });

  it("and says how far the clocks are apart", async () => {
    const { examine: look } = await createDoctorSetup({ clock: () => Date.now() + 90_000 });
    expect(getFindings(await look(), "plane clock")).toMatch(/^warning: (89|90|91) s ahead of/);
  });
});

describe("The doctor looks at Plane's webhook", () => {
  it("and says that Plane has switched it off", async () => {
    const { examine: look, plane, webhook } = await createDoctorSetup();
    plane.setWebhookActive(webhook, false);
    expect(getFindings(await look(), "plane webhook")).toMatch(/^failed: .*switched off/);
  });

  it("and says that it has another secret, and shows neither", async () => {
    const { examine: look, env, webhook } = await createDoctorSetup();
    env["PLANE_WEBHOOK_SECRET"] = "marked-secret-other-webhook";
    const findings = await look();
    expect(getFindings(findings, "plane webhook")).toMatch(/^failed: .*another secret/);
    expect(JSON.stringify(findings)).not.toContain(webhook.secret);
  });

  it("and says that there is none for our address", async () => {
    const { examine: look, extra } = await createDoctorSetup();
    extra.webhookTarget = "https://other.example.test/webhooks/plane";
    expect(getFindings(await look(), "plane webhook")).toMatch(/^failed: Plane has none .*\(1 for other addresses\)/);
  });

  it("and says what it found of it although Plane's list of past calls cannot be had", async () => {
    const { examine: look, plane, webhook } = await createDoctorSetup();
    plane.faults.add({ path: "/webhook-logs/" }, { kind: "status", status: 504, body: "<html>too slow</html>" });
    expect(getFindings(await look(), "plane webhook")).toBe(`ok: ${WEBHOOK_TARGET} is switched on`);
    plane.setWebhookActive(webhook, false);
    expect(getFindings(await look(), "plane webhook")).toMatch(/^failed: .*switched off/);
  });

  it("and without a person's account says where a person looks", async () => {
    const { examine: look, extra } = await createDoctorSetup();
    delete extra.account;
    const findings = await look();
    expect(getFindings(findings, "plane webhook")).toMatch(/^warning: not looked at: no API key can read it/);
    expect(findings.checks.find(({ name }) => name === "plane webhook")?.todo).toContain(
      "Workspace settings, Webhooks",
    );
  });

  it("and says that Plane does not sign the account in, without its password", async () => {
    const { examine: look, plane, ada } = await createDoctorSetup();
    plane.setPassword(ada, "another");
    const findings = await look();
    expect(getFindings(findings, "plane webhook")).toMatch(/^warning: Plane does not sign in .*AUTHENTICATION_FAILED/);
    expect(JSON.stringify(findings)).not.toContain(ACCOUNT_PASSWORD);
  });

  it("and says that none is expected without PLANE_WEBHOOK_SECRET", async () => {
    const { examine: look, env } = await createDoctorSetup();
    delete env["PLANE_WEBHOOK_SECRET"];
    expect(getFindings(await look(), "plane webhook")).toMatch(/^warning: none is expected/);
  });
});

describe("The doctor looks at each agent's account", () => {
  it("and says whose key it is when it is another's", async () => {
    const { examine: look, env } = await createDoctorSetup();
    env["PLANE_API_KEY_IMHOTEP"] = env["PLANE_API_KEY"] ?? "";
    expect(getFindings(await look(), "agent Imhotep")).toMatch(/^failed: its API key belongs to ada@/);
  });

  it("and says that its key is not valid", async () => {
    const { examine: look, env, plane } = await createDoctorSetup();
    plane.revokeKey(env["PLANE_API_KEY_IMHOTEP"] ?? "");
    expect(getFindings(await look(), "agent Imhotep")).toMatch(/^failed: .*not valid/);
  });

  it("and says that it is no member", async () => {
    const { examine: look, config } = await createDoctorSetup();
    config.agents.push({ name: "Thot", email: "thot@javisi.local.test" });
    expect(getFindings(await look(), "agent Thot")).toBe(
      "failed: thot@javisi.local.test is no member of javisi: no task can be given to it",
    );
  });

  /** The list of projects, as Plane shows it to Imhotep alone. */
  function shownToImhotep(env: Record<string, string>, answer: (real: Response) => Response | Promise<Response>) {
    const fetch: typeof globalThis.fetch = async (input, init) => {
      const real = await globalThis.fetch(input, init);
      const isIts = new Headers(init?.headers).get("x-api-key") === env["PLANE_API_KEY_IMHOTEP"];
      return isIts && String(input).includes("/projects/") ? answer(real) : real;
    };
    return fetch;
  }

  it("and says that it was removed from the workspace, whose list goes on naming it", async () => {
    const { examine: look, env, extra } = await createDoctorSetup();
    const body = '{"detail":"You do not have permission to perform this action."}';
    extra.fetch = shownToImhotep(env, () => new Response(body, { status: 403 }));
    expect(getFindings(await look(), "agent Imhotep")).toBe(
      "failed: imhotep@javisi.local.test was removed from javisi: its key opens nothing there",
    );
  });

  it("and says that it is in none of the projects", async () => {
    const { examine: look, env, extra } = await createDoctorSetup();
    extra.fetch = shownToImhotep(
      env,
      async (real) => new Response((await real.text()).replaceAll('"is_member":true', '"is_member":false')),
    );
    expect(getFindings(await look(), "agent Imhotep")).toBe(
      "warning: is in none of the projects: it can work on no task",
    );
  });

  it("and says that it has no key, or no bridge token, of its own", async () => {
    const { examine: look, env } = await createDoctorSetup();
    delete env["AGENT_TOKEN_IMHOTEP"];
    expect(getFindings(await look(), "agent Imhotep")).toMatch(/^warning: .*no bridge token/);
    delete env["PLANE_API_KEY_IMHOTEP"];
    expect(getFindings(await look(), "agent Imhotep")).toMatch(/^warning: has no API key of its own/);
  });
});
