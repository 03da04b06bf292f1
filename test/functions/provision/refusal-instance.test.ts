import { expect, test } from "vitest";
import { alterResponse } from "./existing-instance.ts";
import { createProvisionSetup } from "./provision-setup.ts";

test("passwords switched off: says that Plane wants a code by e-mail, before anything is done", async () => {
  const crew = await createProvisionSetup();
  const off = (body: string) => body.replace('"is_email_password_enabled":true', '"is_email_password_enabled":false');
  const { exit, detail, failed, steps } = await crew.provisionWithReport(["--yes"], {
    fetch: alterResponse("/api/instances/", off),
  });
  expect(exit).toBe(1);
  expect(detail("plane")).toContain(
    "by e-mail (password sign-in is off), which no program can do. Switch passwords on",
  );
  expect(failed.map(({ name }) => name)).toContain("workspace");
  expect(steps.find(({ name }) => name === "workspace")?.detail).toContain("not tried");
});

test("another edition: nothing is done, and what can be done by hand is said", async () => {
  const crew = await createProvisionSetup();
  const fetch = alterResponse("/api/instances/", (body) => body.replace("PLANE_COMMUNITY", "PLANE_COMMERCIAL"));
  const { exit, changed, detail } = await crew.provisionWithReport(["--yes"], { fetch });
  expect({ exit, detail: detail("plane") }).toMatchObject({
    exit: 1,
    detail: expect.stringContaining("another edition of Plane (PLANE_COMMERCIAL)"),
  });
  expect(detail("plane")).toContain("By hand: invite an account for each agent");
  expect(crew.plane.ledger.requests.filter(({ method }) => method !== "GET")).toEqual([]);
  expect(changed).toBeLessThan(10);
});

test("Plane's cloud is told by its name", async () => {
  const crew = await createProvisionSetup();
  const fetch: typeof globalThis.fetch = (input, init) =>
    globalThis.fetch(String(input).replace("https://app.plane.so", crew.url), init);
  const { detail } = await crew.provisionWithReport(["--yes"], {
    fetch,
    env: { ...crew.env, PLANE_URL: "https://app.plane.so" },
  });
  expect(detail("plane")).toContain("https://app.plane.so is Plane's cloud");
});

test("Plane that never comes up: says where it was looked for", async () => {
  const crew = await createProvisionSetup();
  await crew.plane.takeDown();
  const { exit, detail } = await crew.provisionWithReport(["--yes", "--wait", "20"]);
  expect(exit).toBe(1);
  expect(detail("plane")).toContain(`Plane did not come up at ${crew.url} within 20 s`);
});

test("a page where the API should be, as a proxy shows it: says so while it waits, and does not wait for long", async () => {
  const crew = await createProvisionSetup();
  crew.plane.faults.add({ path: "/api/instances/" }, { kind: "html" });
  const { exit, detail, err } = await crew.provisionWithReport();
  expect(exit).toBe(1);
  expect(crew.waits.reduce((sum, ms) => sum + ms, 0)).toBe(30_000);
  expect(err).toContain("s of 300 s): Plane answered instance_info with a page instead of JSON (200)");
  expect(detail("plane")).toContain("a page instead of JSON (200); if it stays so, check that its address is right");
});

test("what is wrong does not drown in what only waits for it", async () => {
  const crew = await createProvisionSetup();
  await crew.plane.takeDown();
  const { out } = await crew.provision(["--yes", "--wait", "1"]);
  expect(out.trim().split("\n")).toHaveLength(3);
  expect(out).toContain("not tried: ");
  expect(out).not.toContain("plane, plane");
  expect([...crew.files.keys()]).toEqual(["groundcrew.json"]);
});

test("a proxy that shows a page while Plane starts is waited for like Plane itself", async () => {
  const crew = await createProvisionSetup();
  const page = (status: number) => ({ kind: "status", status, body: "<html>Not here yet</html>" }) as const;
  crew.plane.faults.add({ path: "/api/instances/" }, page(404), 30);
  crew.plane.faults.add({ path: "/api/instances/" }, page(502), 30);
  expect(await crew.provisionWithReport()).toMatchObject({ exit: 0, failed: [] });
});

test("an address that leads elsewhere, as from http to https: says where to, and which setting it is", async () => {
  const crew = await createProvisionSetup();
  const headers = { location: "https://plane.example.com/api/instances/" };
  crew.plane.faults.add({ path: "/api/instances/" }, { kind: "status", status: 308, headers, body: "" });
  const { exit, detail } = await crew.provisionWithReport();
  expect(exit).toBe(1);
  expect(detail("plane")).toContain("redirects instance_info to https://plane.example.com");
  expect(detail("plane")).toContain(`PLANE_URL is ${crew.url}`);
});

test("a sign-in that stands in front of Plane is told apart from Plane's own", async () => {
  const crew = await createProvisionSetup();
  crew.plane.faults.add({ path: "/api/instances/" }, { kind: "status", status: 401, body: "<html>Authorization" });
  expect((await crew.provisionWithReport()).detail("plane")).toContain(
    "wants to know who asks (401), which Plane itself does not: let /api, /auth and /god-mode pass there",
  );
});

test("a Plane whose api has not finished its own start is waited for", async () => {
  const crew = await createProvisionSetup();
  const body = '{"is_activated":false,"is_setup_done":false}';
  crew.plane.faults.add({ path: "/api/instances/" }, { kind: "status", status: 200, body }, 3);
  const { exit, err } = await crew.provisionWithReport();
  expect(exit).toBe(0);
  expect(crew.waits).toEqual([2_000, 2_000, 2_000]);
  expect(err).toContain("Plane's api has not finished its own start.");
});

test("a Plane that tells less of itself, or more, is taken as it is", async () => {
  const crew = await createProvisionSetup();
  const fetch = alterResponse("/api/instances/", (body) => {
    const { instance } = JSON.parse(body);
    const { is_setup_done, current_version } = instance;
    return JSON.stringify({ instance: { is_setup_done, current_version, moons: 2 }, config: { moons: [] } });
  });
  expect((await crew.provisionWithReport(["--yes"], { fetch })).failed).toEqual([]);
});

test("what Plane keeps of its own state for hours, from before somebody set it up, is not believed", async () => {
  const crew = await createProvisionSetup();
  const kept = new Map<string, string>();
  const fetch: typeof globalThis.fetch = async (input, init) => {
    const url = String(input);
    const answer = await globalThis.fetch(input, init);
    if (!url.includes("/api/instances/") || init?.method !== "GET") return answer;
    const text = kept.get(url) ?? (await answer.text());
    kept.set(url, text);
    return new Response(text, { headers: { "content-type": "application/json" } });
  };
  let now = Date.now();
  const clock = () => (now += 1);
  expect((await crew.provisionWithReport(["--yes"], { fetch, clock })).failed).toEqual([]);
  expect(await crew.provisionWithReport(["--yes"], { fetch, clock })).toMatchObject({ failed: [], changed: 0 });
});

/** Takes the cookies from what this path answers, as a careless proxy does. */
function dropCookies(path: string): typeof globalThis.fetch {
  return async (input, init) => {
    const answer = await globalThis.fetch(input, init);
    if (new URL(String(input)).pathname !== path) return answer;
    const headers = new Headers(answer.headers);
    headers.delete("set-cookie");
    return new Response(answer.body, { status: answer.status, headers });
  };
}

test("a session cookie that does not come back: says so, and not that the key is wrong", async () => {
  const crew = await createProvisionSetup();
  const { detail } = await crew.provisionWithReport(["--yes"], { fetch: dropCookies("/auth/sign-in/") });
  expect(detail("administrator")).toContain(
    "did not know it at the next request: its session cookie does not come back",
  );
});

test("a form that comes back as a page, because its cookie was lost: says what PLANE_URL must be", async () => {
  const crew = await createProvisionSetup();
  const { detail } = await crew.provisionWithReport(["--yes"], { fetch: dropCookies("/auth/get-csrf-token/") });
  expect(detail("administrator")).toContain("its cookie or the page it came from was lost on the way");
  expect(detail("administrator")).toContain("Set PLANE_URL to that address");
});
