import { expect, test } from "vitest";
import { alterResponse } from "./existing-instance.ts";
import { createProvisionSetup } from "./provision-setup.ts";

test("a Plane without password login is refused, because it requires a code by e-mail, before anything is changed", async () => {
  const setup = await createProvisionSetup();
  const off = (body: string) => body.replace('"is_email_password_enabled":true', '"is_email_password_enabled":false');
  const { exit, detail, failed, steps } = await setup.provisionWithReport(["--yes"], {
    fetch: alterResponse("/api/instances/", off),
  });
  expect(exit).toBe(1);
  expect(detail("plane")).toContain(
    "for ada@example.test (password login is disabled), which provision cannot read. Enable password login",
  );
  expect(failed.map(({ name }) => name)).toContain("workspace");
  expect(steps.find(({ name }) => name === "workspace")?.detail).toContain("skipped because these steps failed");
});

test("another edition of Plane is refused with the manual steps, and nothing is changed", async () => {
  const setup = await createProvisionSetup();
  const fetch = alterResponse("/api/instances/", (body) => body.replace("PLANE_COMMUNITY", "PLANE_COMMERCIAL"));
  const { exit, changed, detail } = await setup.provisionWithReport(["--yes"], { fetch });
  expect({ exit, detail: detail("plane") }).toMatchObject({
    exit: 1,
    detail: expect.stringContaining("another edition of Plane (PLANE_COMMERCIAL)"),
  });
  expect(detail("plane")).toContain("By hand: invite an account for each agent");
  expect(setup.plane.ledger.requests.filter(({ method }) => method !== "GET")).toEqual([]);
  expect(changed).toBeLessThan(10);
});

test("Plane's cloud is recognized by its host name and refused", async () => {
  const setup = await createProvisionSetup();
  const fetch: typeof globalThis.fetch = (input, init) =>
    globalThis.fetch(String(input).replace("https://app.plane.so", setup.url), init);
  const { detail } = await setup.provisionWithReport(["--yes"], {
    fetch,
    env: { ...setup.env, PLANE_URL: "https://app.plane.so" },
  });
  expect(detail("plane")).toContain("https://app.plane.so is Plane's cloud");
});

test("a Plane that never becomes ready is reported with its address", async () => {
  const setup = await createProvisionSetup();
  await setup.plane.takeDown();
  const { exit, detail } = await setup.provisionWithReport(["--yes", "--wait", "20"]);
  expect(exit).toBe(1);
  expect(detail("plane")).toContain(`Plane at ${setup.url} did not become ready within 20 s`);
});

test("a page in place of Plane's API is reported while provision waits, and awaited for 30 s only", async () => {
  const setup = await createProvisionSetup();
  setup.plane.faults.add({ path: "/api/instances/" }, { kind: "html" });
  const { exit, detail, err } = await setup.provisionWithReport();
  expect(exit).toBe(1);
  expect(setup.waits.reduce((sum, ms) => sum + ms, 0)).toBe(30_000);
  expect(err).toContain("s of 300 s): Plane answered instance_info with a page instead of JSON (200)");
  expect(detail("plane")).toContain(
    "a page instead of JSON (200); if this persists, check that its address is correct",
  );
});

test("the output names the failed step, and summarizes the steps that were skipped because of it", async () => {
  const setup = await createProvisionSetup();
  await setup.plane.takeDown();
  const { out } = await setup.provision(["--yes", "--wait", "1"]);
  expect(out.trim().split("\n")).toHaveLength(3);
  expect(out).toContain("  skipped ");
  expect(out).not.toContain("plane, plane");
  expect([...setup.files.keys()]).toEqual(["groundcrew.json"]);
});

test("provision waits while a proxy shows an error page because Plane is starting", async () => {
  const setup = await createProvisionSetup();
  const page = (status: number) => ({ kind: "status", status, body: "<html>Not here yet</html>" }) as const;
  setup.plane.faults.add({ path: "/api/instances/" }, page(404), 30);
  setup.plane.faults.add({ path: "/api/instances/" }, page(502), 30);
  expect(await setup.provisionWithReport()).toMatchObject({ exit: 0, failed: [] });
});

test("a redirect of PLANE_URL, for example from http to https, is refused with its target and the setting", async () => {
  const setup = await createProvisionSetup();
  const headers = { location: "https://plane.example.com/api/instances/" };
  setup.plane.faults.add({ path: "/api/instances/" }, { kind: "status", status: 308, headers, body: "" });
  const { exit, detail } = await setup.provisionWithReport();
  expect(exit).toBe(1);
  expect(detail("plane")).toContain("redirects instance_info to https://plane.example.com");
  expect(detail("plane")).toContain(`PLANE_URL is ${setup.url}`);
});

test("a proxy in front of Plane that requires authentication is refused with the paths to let pass", async () => {
  const setup = await createProvisionSetup();
  setup.plane.faults.add({ path: "/api/instances/" }, { kind: "status", status: 401, body: "<html>Authorization" });
  expect((await setup.provisionWithReport()).detail("plane")).toContain(
    "requires authentication (401): let /api, /auth and /god-mode pass without it",
  );
});

test("provision waits until Plane's api has finished its startup", async () => {
  const setup = await createProvisionSetup();
  const body = '{"is_activated":false,"is_setup_done":false}';
  setup.plane.faults.add({ path: "/api/instances/" }, { kind: "status", status: 200, body }, 3);
  const { exit, err } = await setup.provisionWithReport();
  expect(exit).toBe(0);
  expect(setup.waits).toEqual([2_000, 2_000, 2_000]);
  expect(err).toContain("Plane's api has not finished its startup.");
});

test("provision accepts instance information with missing or additional fields", async () => {
  const setup = await createProvisionSetup();
  const fetch = alterResponse("/api/instances/", (body) => {
    const { instance } = JSON.parse(body);
    const { is_setup_done, current_version } = instance;
    return JSON.stringify({ instance: { is_setup_done, current_version, moons: 2 }, config: { moons: [] } });
  });
  expect((await setup.provisionWithReport(["--yes"], { fetch })).failed).toEqual([]);
});

test("provision does not rely on instance information that Plane cached before it was set up", async () => {
  const setup = await createProvisionSetup();
  const cache = new Map<string, string>();
  const fetch: typeof globalThis.fetch = async (input, init) => {
    const url = String(input);
    const answer = await globalThis.fetch(input, init);
    if (!url.includes("/api/instances/") || init?.method !== "GET") return answer;
    const text = cache.get(url) ?? (await answer.text());
    cache.set(url, text);
    return new Response(text, { headers: { "content-type": "application/json" } });
  };
  let now = Date.now();
  const clock = () => (now += 1);
  expect((await setup.provisionWithReport(["--yes"], { fetch, clock })).failed).toEqual([]);
  expect(await setup.provisionWithReport(["--yes"], { fetch, clock })).toMatchObject({ failed: [], changed: 0 });
});

/** A fetch that drops the cookies from one path's answers, like a misconfigured proxy. */
function dropCookies(path: string): typeof globalThis.fetch {
  return async (input, init) => {
    const answer = await globalThis.fetch(input, init);
    if (new URL(String(input)).pathname !== path) return answer;
    const headers = new Headers(answer.headers);
    headers.delete("set-cookie");
    return new Response(answer.body, { status: answer.status, headers });
  };
}

test("a lost session cookie is reported as such, and not as a wrong password", async () => {
  const setup = await createProvisionSetup();
  const { detail } = await setup.provisionWithReport(["--yes"], { fetch: dropCookies("/auth/sign-in/") });
  expect(detail("administrator")).toContain("did not recognize it at the next request: the session cookie was lost");
});

test("a form that is answered with a page because its cookie was lost is refused with the right PLANE_URL", async () => {
  const setup = await createProvisionSetup();
  const { detail } = await setup.provisionWithReport(["--yes"], { fetch: dropCookies("/auth/get-csrf-token/") });
  expect(detail("administrator")).toContain("its cookie or Referer header was lost");
  expect(detail("administrator")).toContain("Set PLANE_URL to the address at which people open Plane");
});
