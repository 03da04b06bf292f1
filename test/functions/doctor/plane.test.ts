import { expect, test } from "vitest";
import { ACCOUNT_PASSWORD, createDoctorSetup, getFindings, WEBHOOK_TARGET } from "./doctor-setup.ts";

test("The doctor's check of Plane reports only successes in a healthy set-up", async () => {
  const { examine } = await createDoctorSetup();
  const findings = await examine();
  expect(findings.checks.filter(({ status }) => status !== "ok")).toEqual(
    [expect.objectContaining({ name: "telegram webhook" })].slice(1),
  );
  expect(findings.ok).toBe(true);
  expect(getFindings(findings, "plane")).toBe(
    "ok: 1.3.1, PLANE_COMMUNITY, with relations and with webhooks for edits through the API",
  );
  expect(getFindings(findings, "plane uploads")).toContain("5 MiB");
  expect(getFindings(findings, "plane key")).toBe("ok: valid, belongs to ada");
  expect(getFindings(findings, "plane workspace")).toBe("ok: javisi, projects ONB");
  expect(getFindings(findings, "plane quota")).toBe(
    "ok: 58 of 60 requests are left this minute; a team waits less with API_KEY_RATE_LIMIT=600/minute in Plane's environment and PLANE_RATE_LIMIT=600 here",
  );
  expect(getFindings(findings, "plane clock")).toMatch(/^ok: within \d s/);
  expect(getFindings(findings, "plane webhook")).toContain(`ok: ${WEBHOOK_TARGET} is enabled`);
  expect(getFindings(findings, "agent Imhotep")).toContain("ok: ");
});

test("The doctor's check of Plane costs three requests of the key's quota, and two of each agent's", async () => {
  const { examine, plane, ada, imhotep } = await createDoctorSetup();
  await examine();
  const owners = plane.ledger.requests.filter(({ api }) => api).map(({ owner }) => owner);
  expect(owners.filter((id) => id === ada.id)).toHaveLength(3);
  expect(owners.filter((id) => id === imhotep.id)).toHaveLength(2);
});

test("The doctor's check of Plane warns about the features that v1.2.x lacks", async () => {
  const { examine } = await createDoctorSetup({ version: "1.2.2" });
  const findings = await examine();
  expect(getFindings(findings, "plane")).toMatch(/^warning: 1\.2\.0, PLANE_COMMUNITY: its API has no relations/);
  expect(findings.checks.find(({ name }) => name === "plane")?.todo).toMatch(
    /activities of a task.*until the next poll/,
  );
  expect(findings.ok).toBe(true);
});

test("The doctor's check of Plane fails when Plane does not answer, and is the only finding about Plane then", async () => {
  const { examine, plane } = await createDoctorSetup();
  await plane.takeDown();
  const findings = await examine();
  expect(findings.ok).toBe(false);
  expect(getFindings(findings, "plane")).toMatch(/^failed: Plane could not be reached .*ECONNREFUSED/);
  expect(findings.checks.filter(({ name }) => name.startsWith("plane"))).toHaveLength(1);
});

test("The doctor's check of Plane fails when the API key is not valid", async () => {
  const { examine, plane, env } = await createDoctorSetup();
  plane.revokeKey(env["PLANE_API_KEY"] ?? "");
  expect(getFindings(await examine(), "plane key")).toMatch(/^failed: .*not valid/);
});

test("The doctor's check of Plane fails when the workspace does not exist", async () => {
  const { examine, env } = await createDoctorSetup();
  env["PLANE_WORKSPACE"] = "nope";
  expect(getFindings(await examine(), "plane workspace")).toMatch(/^failed: nope: /);
});

test("The doctor's check of Plane fails when a project of PLANE_PROJECTS does not exist", async () => {
  const { examine, env } = await createDoctorSetup();
  env["PLANE_PROJECTS"] = "ONB,OPS";
  expect(getFindings(await examine(), "plane workspace")).toBe("failed: javisi has no project OPS");
});

test("The doctor's check of Plane warns when the quota is used up", async () => {
  const { examine, env } = await createDoctorSetup({ rateLimit: 1 });
  env["PLANE_RATE_LIMIT"] = "1";
  const findings = await examine();
  expect(getFindings(findings, "plane workspace")).toMatch(/^warning: Plane's rate limit is reached/);
  expect(getFindings(findings, "plane quota")).toMatch(/^warning: only 0 of 1 /);
});

test("The doctor's check of Plane says that a used-up quota is normal right after provision", async () => {
  const { examine, env } = await createDoctorSetup({ rateLimit: 3 });
  env["PLANE_RATE_LIMIT"] = "20";
  const quota = (await examine()).checks.find(({ name }) => name === "plane quota");
  expect(quota?.todo).toContain("Right after provision, a start or many changes this is normal");
});

test.each([
  [
    "Welcome to the Plane Demo Project! It shows what Plane can do.",
    /^ok: javisi, projects ONB; Plane's own sample project JAV is not followed$/,
  ],
  ["Our work", /^warning: the key's account is not a member of these projects of javisi: JAV$/],
])(
  "The doctor's check of Plane does not warn about Plane's own sample project, but about other projects without membership: %s",
  async (description, expected) => {
    const { examine, plane, extra } = await createDoctorSetup();
    plane.addProject({ name: "javisi", identifier: "JAV" });
    extra.fetch = async (input, init) => {
      const real = await globalThis.fetch(input, init);
      if (!String(input).includes("/projects/")) return real;
      const list = JSON.parse(await real.text());
      for (const row of list.results)
        if (row.identifier === "JAV") Object.assign(row, { is_member: false, description });
      return new Response(JSON.stringify(list), { headers: real.headers });
    };
    expect(getFindings(await examine(), "plane workspace")).toMatch(expected);
  },
);

test("The doctor's check of Plane warns when Plane allows more requests than PLANE_RATE_LIMIT uses", async () => {
  const { examine } = await createDoctorSetup({ rateLimit: 600 });
  expect(getFindings(await examine(), "plane quota")).toMatch(/^warning: 598 .*more than PLANE_RATE_LIMIT/);
});

test("The doctor's check of Plane recommends no higher limit where it is higher already", async () => {
  const { examine, env } = await createDoctorSetup({ rateLimit: 600 });
  env["PLANE_RATE_LIMIT"] = "600";
  expect(getFindings(await examine(), "plane quota")).toBe("ok: 598 of 600 requests are left this minute");
});

test("The doctor's check of Plane warns when the clocks differ, and by how much", async () => {
  const { examine } = await createDoctorSetup({ clock: () => Date.now() + 90_000 });
  expect(getFindings(await examine(), "plane clock")).toMatch(/^warning: (89|90|91) s ahead of/);
});

test("The doctor's check of Plane's webhook fails when Plane has disabled it", async () => {
  const { examine, plane, webhook } = await createDoctorSetup();
  plane.setWebhookActive(webhook, false);
  expect(getFindings(await examine(), "plane webhook")).toMatch(/^failed: .*is disabled/);
});

test("The doctor's check of Plane's webhook fails when its secret differs, and shows neither secret", async () => {
  const { examine, env, webhook } = await createDoctorSetup();
  env["PLANE_WEBHOOK_SECRET"] = "marked-secret-other-webhook";
  const findings = await examine();
  expect(getFindings(findings, "plane webhook")).toMatch(/^failed: .*secret of .* differs/);
  expect(JSON.stringify(findings)).not.toContain(webhook.secret);
});

test("The doctor's check of Plane's webhook fails when Plane has none for our address", async () => {
  const { examine, extra } = await createDoctorSetup();
  extra.webhookTarget = "https://other.example.test/webhooks/plane";
  expect(getFindings(await examine(), "plane webhook")).toMatch(
    /^failed: Plane has no webhook .*\(1 for other addresses\)/,
  );
});

test("The doctor's check of Plane's webhook succeeds even if Plane's delivery log cannot be read", async () => {
  const { examine, plane, webhook } = await createDoctorSetup();
  plane.faults.add({ path: "/webhook-logs/" }, { kind: "status", status: 504, body: "<html>too slow</html>" });
  expect(getFindings(await examine(), "plane webhook")).toBe(`ok: ${WEBHOOK_TARGET} is enabled`);
  plane.setWebhookActive(webhook, false);
  expect(getFindings(await examine(), "plane webhook")).toMatch(/^failed: .*is disabled/);
});

test("The doctor's check of Plane's webhook warns without a person's account, and explains where to look in Plane", async () => {
  const { examine, extra } = await createDoctorSetup();
  delete extra.account;
  const findings = await examine();
  expect(getFindings(findings, "plane webhook")).toMatch(
    /^warning: not checked: no Plane account is configured; API keys cannot read webhooks/,
  );
  expect(findings.checks.find(({ name }) => name === "plane webhook")?.todo).toContain("Workspace settings, Webhooks");
});

test("The doctor's check of Plane's webhook warns when Plane refuses to sign the account in, without showing its password", async () => {
  const { examine, plane, ada } = await createDoctorSetup();
  plane.setPassword(ada, "another");
  const findings = await examine();
  expect(getFindings(findings, "plane webhook")).toMatch(
    /^warning: not checked: Plane refused to sign in .*AUTHENTICATION_FAILED/,
  );
  expect(JSON.stringify(findings)).not.toContain(ACCOUNT_PASSWORD);
});

test("The doctor's check of Plane's webhook warns when PLANE_WEBHOOK_SECRET is not set", async () => {
  const { examine, env } = await createDoctorSetup();
  delete env["PLANE_WEBHOOK_SECRET"];
  expect(getFindings(await examine(), "plane webhook")).toMatch(/^warning: PLANE_WEBHOOK_SECRET is not set/);
});

test("The doctor's check of an agent's account fails when its API key belongs to another account, and names that account", async () => {
  const { examine, env } = await createDoctorSetup();
  env["PLANE_API_KEY_IMHOTEP"] = env["PLANE_API_KEY"] ?? "";
  expect(getFindings(await examine(), "agent Imhotep")).toMatch(/^failed: its API key belongs to ada@/);
});

test("The doctor's check of an agent's account fails when its API key is not valid", async () => {
  const { examine, env, plane } = await createDoctorSetup();
  plane.revokeKey(env["PLANE_API_KEY_IMHOTEP"] ?? "");
  expect(getFindings(await examine(), "agent Imhotep")).toMatch(/^failed: .*not valid/);
});

test("The doctor's check of an agent's account fails when it is not a member of the workspace", async () => {
  const { examine, config } = await createDoctorSetup();
  config.agents.push({ name: "Thot", email: "thot@javisi.local.test" });
  expect(getFindings(await examine(), "agent Thot")).toBe(
    "failed: thot@javisi.local.test is not a member of javisi: no task can be assigned to it",
  );
});

/** A fetch that changes the list of projects in answers to Imhotep's key only. */
function alterProjectList(env: Record<string, string>, answer: (real: Response) => Response | Promise<Response>) {
  const fetch: typeof globalThis.fetch = async (input, init) => {
    const real = await globalThis.fetch(input, init);
    const usesImhotepKey = new Headers(init?.headers).get("x-api-key") === env["PLANE_API_KEY_IMHOTEP"];
    return usesImhotepKey && String(input).includes("/projects/") ? answer(real) : real;
  };
  return fetch;
}

test("The doctor's check of an agent's account fails when it was removed from the workspace although Plane's list still contains it", async () => {
  const { examine, env, extra } = await createDoctorSetup();
  const body = '{"detail":"You do not have permission to perform this action."}';
  extra.fetch = alterProjectList(env, () => new Response(body, { status: 403 }));
  expect(getFindings(await examine(), "agent Imhotep")).toBe(
    "failed: imhotep@javisi.local.test was removed from javisi: its key has no access there",
  );
});

test.each(["1.3.1", "1.2.2"] as const)(
  "The doctor's check of an agent's account fails when it was removed from a project that Groundcrew created (Plane %s)",
  async (version) => {
    const { examine, plane, ada, imhotep, env } = await createDoctorSetup({ version });
    const headers = { "x-api-key": env["PLANE_API_KEY"] ?? "", "content-type": "application/json" };
    const project = { name: "Website", identifier: "WEB", external_source: "groundcrew", external_id: "project:1" };
    const url = `${plane.url}/api/v1/workspaces/javisi/projects/`;
    const created = await fetch(url, { method: "POST", headers, body: JSON.stringify(project) });
    const { id } = (await created.json()) as { id: string };
    plane.addProjectMember(id, imhotep);
    expect(getFindings(await examine(), "agent Imhotep")).toContain("ok: ");
    plane.removeProjectMember(id, imhotep.email);
    expect(getFindings(await examine(), "agent Imhotep")).toContain("failed: is not a member of Website (WEB)");
    plane.archiveProject(id, { by: ada });
    expect(getFindings(await examine(), "agent Imhotep")).toContain("ok: ");
  },
);

test("The doctor's check of an agent's account warns when it is not a member of any project", async () => {
  const { examine, env, extra } = await createDoctorSetup();
  extra.fetch = alterProjectList(
    env,
    async (real) => new Response((await real.text()).replaceAll('"is_member":true', '"is_member":false')),
  );
  expect(getFindings(await examine(), "agent Imhotep")).toBe(
    "warning: is not a member of any project: it cannot work on tasks",
  );
});

test("The doctor's check of an agent's account warns when it has no bridge token or no API key of its own", async () => {
  const { examine, env } = await createDoctorSetup();
  delete env["AGENT_TOKEN_IMHOTEP"];
  expect(getFindings(await examine(), "agent Imhotep")).toMatch(/^warning: .*no bridge token/);
  delete env["PLANE_API_KEY_IMHOTEP"];
  expect(getFindings(await examine(), "agent Imhotep")).toMatch(/^warning: has no API key of its own/);
});
