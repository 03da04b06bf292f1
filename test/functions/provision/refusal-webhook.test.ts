import { expect, test } from "vitest";
import { alterResponse } from "./existing-instance.ts";
import { createProvisionSetup } from "./provision-setup.ts";

test("a webhook to a private address: names the variable of Plane to set, with its value", async () => {
  const crew = await createProvisionSetup({ env: { PLANE_WEBHOOK_TARGET: "http://10.1.2.3:8787/webhooks/plane" } });
  const { exit, failed, detail } = await crew.provisionWithReport();
  expect(exit).toBe(1);
  expect(failed.map(({ name }) => name)).toEqual(["webhook"]);
  expect(detail("webhook")).toContain("it is a private address, or leads to one");
  expect(detail("webhook")).toContain("Set WEBHOOK_ALLOWED_IPS=10.1.2.3 in the environment of Plane's api and worker");
});

test("a webhook to a name without a dot: no variable helps, so it asks for a name with one, and that works", async () => {
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

test("a webhook to the address Plane has itself: allowing the address is not enough, so the host is named", async () => {
  const env = { PLANE_WEBHOOK_TARGET: "http://127.0.0.1:8787/webhooks/plane" };
  expect((await (await createProvisionSetup({ env })).provisionWithReport()).detail("webhook")).toContain(
    "Set WEBHOOK_ALLOWED_HOSTS=127.0.0.1 in",
  );
  const allowed = await createProvisionSetup({ env, webhookAllowedHosts: ["127.0.0.1"] });
  expect((await allowed.provisionWithReport()).failed).toEqual([]);
});

test("v1.2.x tells that it does not know a name, and so do we", async () => {
  const crew = await createProvisionSetup({ version: "1.2.2" });
  const body = '{"url":"Hostname could not be resolved."}';
  crew.plane.faults.add({ method: "POST", path: "/webhooks/" }, { kind: "status", status: 400, body });
  const said = (await crew.provisionWithReport()).detail("webhook");
  expect(said).toContain("the name crew.example.com is not known where Plane runs");
  expect(said).not.toContain("private address");
});

test("a webhook to Plane's own host is told apart from a private address", async () => {
  const crew = await createProvisionSetup();
  const own = { url: "URL domain or its subdomain is not allowed." };
  const body = JSON.stringify(own);
  crew.plane.faults.add({ method: "POST", path: "/webhooks/" }, { kind: "status", status: 400, body });
  const said = (await crew.provisionWithReport()).detail("webhook");
  expect(said).toContain("it is on Plane's own host or below it");
  expect(said).toContain("WEBHOOK_ALLOWED_HOSTS=crew.example.com");
});

test("v1.3.0 refuses private addresses and has no variable to allow one", async () => {
  const crew = await createProvisionSetup({ env: { PLANE_WEBHOOK_TARGET: "http://10.1.2.3:8787/webhooks/plane" } });
  const fetch = alterResponse("/api/instances/", (body) =>
    body.replace('"current_version":"1.3.1"', '"current_version":"1.3.0"'),
  );
  const said = (await crew.provisionWithReport(["--yes"], { fetch })).detail("webhook");
  expect(said).toContain("This version of Plane has no variable to allow it (v1.3.1 has)");
  expect(said).not.toContain("WEBHOOK_ALLOWED");
});

test("v1.2.x has no such variable: says to set another address", async () => {
  const crew = await createProvisionSetup({
    version: "1.2.2",
    env: { PLANE_WEBHOOK_TARGET: "http://127.0.0.1:8787/webhooks/plane" },
  });
  const said = (await crew.provisionWithReport()).detail("webhook");
  expect(said).toContain("This version of Plane has no variable to allow it");
  expect(said).not.toContain("WEBHOOK_ALLOWED");
});
