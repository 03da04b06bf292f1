import { expect, test } from "vitest";
import { alterResponse } from "./existing-instance.ts";
import { createProvisionSetup } from "./provision-setup.ts";

test("a webhook to a private address is refused with the variable and value to set in Plane", async () => {
  const setup = await createProvisionSetup({ env: { PLANE_WEBHOOK_TARGET: "http://10.1.2.3:8787/webhooks/plane" } });
  const { exit, failed, detail } = await setup.provisionWithReport();
  expect(exit).toBe(1);
  expect(failed.map(({ name }) => name)).toEqual(["webhook"]);
  expect(detail("webhook")).toContain("it is or resolves to a private address");
  expect(detail("webhook")).toContain("Set WEBHOOK_ALLOWED_IPS=10.1.2.3 in the environment of Plane's api and worker");
});

test("a webhook to a host name without a dot is refused with a request for a name with one, which works", async () => {
  const dotless = await createProvisionSetup({
    env: { PLANE_WEBHOOK_TARGET: "http://groundcrew:8787/webhooks/plane" },
    webhookAllowedHosts: ["groundcrew"],
  });
  expect((await dotless.provisionWithReport()).detail("webhook")).toMatch(
    /no dot .*network alias such as groundcrew\.internal.*WEBHOOK_ALLOWED_HOSTS=groundcrew\.internal/,
  );
  const env = { PLANE_WEBHOOK_TARGET: "http://groundcrew.internal:8787/webhooks/plane" };
  const aliased = await createProvisionSetup({ env, webhookAllowedHosts: ["groundcrew.internal"] });
  expect((await aliased.provisionWithReport()).failed).toEqual([]);
});

test("a webhook to Plane's own address is refused with the variable that allows its host", async () => {
  const env = { PLANE_WEBHOOK_TARGET: "http://127.0.0.1:8787/webhooks/plane" };
  expect((await (await createProvisionSetup({ env })).provisionWithReport()).detail("webhook")).toContain(
    "Set WEBHOOK_ALLOWED_HOSTS=127.0.0.1 in",
  );
  const allowed = await createProvisionSetup({ env, webhookAllowedHosts: ["127.0.0.1"] });
  expect((await allowed.provisionWithReport()).failed).toEqual([]);
});

test("a webhook host that v1.2.x cannot resolve is refused as such", async () => {
  const setup = await createProvisionSetup({ version: "1.2.2" });
  const body = '{"url":"Hostname could not be resolved."}';
  setup.plane.faults.add({ method: "POST", path: "/webhooks/" }, { kind: "status", status: 400, body });
  const detail = (await setup.provisionWithReport()).detail("webhook");
  expect(detail).toContain("Plane cannot resolve the name crew.example.com");
  expect(detail).not.toContain("private address");
});

test("a webhook to Plane's own host is distinguished from one to a private address", async () => {
  const setup = await createProvisionSetup();
  const own = { url: "URL domain or its subdomain is not allowed." };
  const body = JSON.stringify(own);
  setup.plane.faults.add({ method: "POST", path: "/webhooks/" }, { kind: "status", status: 400, body });
  const detail = (await setup.provisionWithReport()).detail("webhook");
  expect(detail).toContain("it is Plane's own host or a subdomain of it");
  expect(detail).toContain("WEBHOOK_ALLOWED_HOSTS=crew.example.com");
});

test("the refusal of a private address by v1.3.0 names no variable, because there is none", async () => {
  const setup = await createProvisionSetup({ env: { PLANE_WEBHOOK_TARGET: "http://10.1.2.3:8787/webhooks/plane" } });
  const fetch = alterResponse("/api/instances/", (body) =>
    body.replace('"current_version":"1.3.1"', '"current_version":"1.3.0"'),
  );
  const detail = (await setup.provisionWithReport(["--yes"], { fetch })).detail("webhook");
  expect(detail).toContain("This version of Plane has no variable that allows it (v1.3.1 has)");
  expect(detail).not.toContain("WEBHOOK_ALLOWED");
});

test("a webhook to a loopback address is refused as such, not as a private address", async () => {
  const setup = await createProvisionSetup({ env: { PLANE_WEBHOOK_TARGET: "http://localhost:8787/webhooks/plane" } });
  const detail = (await setup.provisionWithReport()).detail("webhook");
  expect(detail).toContain("it is a loopback address, which leads from Plane to Plane's own machine or container");
  expect(detail).not.toContain("private address");
  expect(detail).toContain("WEBHOOK_ALLOWED_HOSTS=localhost");
});

test("the refusal of a loopback address by v1.2.x names no variable, because there is none, and says that private addresses are accepted", async () => {
  const setup = await createProvisionSetup({
    version: "1.2.2",
    env: { PLANE_WEBHOOK_TARGET: "http://127.0.0.1:8787/webhooks/plane" },
  });
  const detail = (await setup.provisionWithReport()).detail("webhook");
  expect(detail).toContain("This version of Plane has no variable that allows it");
  expect(detail).not.toContain("WEBHOOK_ALLOWED");
  expect(detail).toContain("it is a loopback address");
  expect(detail).toContain("an address of Groundcrew that Plane can reach; a private one is accepted");
});
