import { expect, test } from "vitest";
import { listMountedRoutes } from "../../docs/generate/routes-section.ts";
import { hasRole, ROUTE_ROLES } from "../../shared/http/route-roles.ts";
import type { PersonRole } from "../../shared/people/roles.ts";
import { workKeys, workSets } from "../../shared/records/store-keys.ts";
import { createPeopleApp, FOREIGN, type PersonName } from "./people-app.ts";

type RouteName = keyof typeof ROUTE_ROLES;

/** What the requests of this test are about, in one of the two projects. */
interface Place {
  identifier: "ONB" | "OPS";
  /** The key of a task with a ticket. */
  key: string;
  /** The id of a request about that task. */
  request: string;
}

/** What differs from a request without a body, which is answered by anything but 401, 403 and 404 to who may make it. */
interface Attempt {
  path?: string;
  body?: unknown;
  allowed?: number;
}

const PEOPLE: Record<PersonName, PersonRole> = { Gil: "guest", Mia: "member", Eve: "admin" };
const ROUTES = Object.keys(ROUTE_ROLES) as RouteName[];

/** Requests that need more than their path; their body is refused, or changes nothing that matters to the others. */
const ATTEMPTS: Partial<Record<RouteName, (place: Place) => Attempt>> = {
  "POST /dead-letters/:queue/:id/replay": () => ({ allowed: 404 }),
  "DELETE /dead-letters/:queue/:id": () => ({ allowed: 404 }),
  "DELETE /api/sign-ins/:id": () => ({ allowed: 404 }),
  "GET /api/board": ({ identifier }) => ({ path: `/api/board?project=${identifier}` }),
  "GET /api/plan": ({ identifier }) => ({ path: `/api/plan?project=${identifier}` }),
  "GET /api/why": ({ key }) => ({ path: `/api/why?item=${key}` }),
  "POST /api/chat": () => ({ body: {} }),
  "POST /api/chat/press": () => ({ body: {} }),
  "POST /api/tasks/:key/actions": () => ({ body: { action: "none" } }),
  "POST /api/tasks/:key/remarks": () => ({ body: { text: "" } }),
  "GET /api/task-file": ({ key }) => ({ path: `/api/task-file?task=${key}&name=none`, allowed: 404 }),
  "GET /api/idle-tasks": ({ identifier }) => ({ path: `/api/idle-tasks?project=${identifier}` }),
  "GET /api/tasks": ({ identifier }) => ({ path: `/api/tasks?text=${identifier === "ONB" ? "mail" : "servers"}` }),
  "POST /api/schedules": () => ({ body: { cron: 1 } }),
  "PATCH /api/schedules/:id": () => ({ body: { paused: true }, allowed: 404 }),
  "DELETE /api/schedules/:id": () => ({ allowed: 404 }),
  "GET /api/requests/:id": ({ request }) => ({ path: `/api/requests/${request}` }),
  "POST /api/requests/:id": ({ request }) => ({
    ...{ path: `/api/requests/${request}`, allowed: 409 },
    body: { answer: "answer", hash: "another", comment: "Blue." },
  }),
  "POST /api/agents/:name/token": () => ({ allowed: 404 }),
  "POST /api/agents/:name/retire": () => ({ allowed: 404 }),
  "DELETE /api/holds/:system": () => ({ allowed: 404 }),
  "POST /api/approve/:ticket": () => ({ body: { hash: "another" }, allowed: 409 }),
  "POST /api/reject/:ticket": () => ({ body: { reason: 1 }, allowed: 400 }),
  "POST /api/update-plane/:ticket": () => ({ body: { summary: 1 } }),
  "POST /api/permission-rules/remove": () => ({ body: { id: 1 } }),
  "POST /api/test/add-ticket": () => ({ body: { id: 1 }, allowed: 400 }),
  "POST /api/sessions/:ticket/answer": () => ({ body: {} }),
  "POST /api/sessions/:ticket/input": () => ({ body: { kind: "none" } }),
  "POST /api/sessions/:ticket/complete": () => ({ body: {} }),
  "POST /api/sessions/:ticket/extend": () => ({ body: { minutes: "x" } }),
  "POST /api/sessions/:ticket/remove": () => ({ body: { force: 1 } }),
  "POST /api/sessions/:ticket/start": () => ({ body: { none: 1 } }),
  "POST /api/sessions/:ticket/send-back": () => ({ body: { text: 1 } }),
  "GET /api/tickets/policies/:id": () => ({ allowed: 404 }),
  "GET /api/tickets/:ticket/diff": () => ({ allowed: 404 }),
};

/** Two projects with a task, its ticket, a question, an upload and a plan in each; OPS has what blocks a task of ONB. */
async function createApp() {
  const app = await createPeopleApp({
    env: { ALLOW_TEST_TICKETS: "1", TELEGRAM_BOT_TOKEN: "1000:of-the-roles", TELEGRAM_CHAT_ID: "-100" },
    config: { budget: { amount: 100, currency: "USD" } },
  });
  async function fill(identifier: Place["identifier"], name: string): Promise<Place> {
    const project = identifier === "ONB" ? app.onb : app.ops;
    const item = app.addTask(name, "Imhotep", {}, project);
    const key = app.toTaskKey(item, project);
    await app.deliverWebhooks();
    await app.settle();
    await app.actAs("Imhotep").setStatus(key, { status: "in_progress" });
    const request = await app.ask("Imhotep", key, `Which colour for ${name}?`);
    const upload = { task: key, name: `${name}.pdf`, agent: "Imhotep", sent: 1, size: 2, at: 0 };
    const put = [{ key: workKeys.uploadProgress(key), value: upload, sets: [workSets.uploads] }];
    await app.deps.store.commit({ put });
    const tasks = [{ id: "a", title: `${name} plan` }];
    await app.callTool("Concierge", "plan_project", { project: identifier, tasks });
    await app.settle();
    return { identifier, key, request };
  }
  const own = await fill("ONB", "Welcome mail");
  const foreign = await fill("OPS", "Zurich servers");
  const [blocked] = app.plane.items(app.onb);
  const [blocker] = app.plane.items(app.ops);
  if (!blocked || !blocker) throw new Error("The tasks are missing.");
  app.plane.relate(blocked, blocker);
  await app.deliverWebhooks();
  await app.poll();
  await app.settle();
  return { app, own, foreign };
}

/** An answer without the key that it was asked for, and without the task's history, which Plane shows to its readers. */
function removeEcho(text: string, { key }: Place): string {
  return text.replaceAll(key, "").replace(/"history":\{.*?\]/, "");
}

test("The table of roles has every route for people, and no other", async () => {
  const ofPeople = (await listMountedRoutes()).filter(({ access }) => access === "page").map(({ name }) => name);
  // Signing in is public; who is signed in is asked at the same path.
  expect(ofPeople.concat("GET /api/session").sort()).toEqual(Object.keys(ROUTE_ROLES).sort());
});

test("PEOPLE-07: every route × every role × own and foreign project: 0 are wrong", async () => {
  const { app, own, foreign } = await createApp();
  const cookies = { Gil: "", Mia: "", Eve: "" };
  const wrong: string[] = [];
  const leaks: string[] = [];
  const seenByAdmin = new Set<string>();
  let count = 0;
  for (const route of ROUTES) {
    const [method] = route.split(" ");
    for (const place of [own, foreign]) {
      // An admin has ended the sessions of all.
      if (count === 0 || route.startsWith("DELETE /api/sign-ins"))
        for (const name of Object.keys(PEOPLE) as PersonName[]) cookies[name] = await app.signInAs(name);
      const ownPath = (route.split(" ")[1] ?? "").replace(/:(key|ticket)/, place.key).replaceAll(/:\w+/g, "none");
      const { path = ownPath, body, allowed } = ATTEMPTS[route]?.(place) ?? {};
      for (const [name, role] of Object.entries(PEOPLE) as [PersonName, PersonRole][]) {
        const { status, text } = await app.requestAs(cookies[name], `${method} ${path}`, body);
        count += 1;
        const { role: wanted, about } = ROUTE_ROLES[route];
        const isHidden = place === foreign && role !== "admin" && (about === "task" || about === "request");
        const isRight = !hasRole(role, wanted)
          ? status === 403
          : isHidden
            ? status === 404
            : allowed === undefined
              ? ![401, 403, 404, 500].includes(status)
              : status === allowed;
        if (!isRight) wrong.push(`${name} ${method} ${path}: ${status} ${text.slice(0, 200)}`);
        if (FOREIGN.test(removeEcho(text, place))) {
          if (role === "admin") seenByAdmin.add(route);
          else leaks.push(`${name} ${method} ${path}: ${text.slice(0, 2_000)}`);
        }
      }
      const { status } = await app.requestAs("", `${method} ${path}`, body);
      if (status !== 401) wrong.push(`nobody ${method} ${path}: ${status}`);
    }
  }
  expect(wrong).toEqual([]);
  expect(leaks).toEqual([]);
  // Without the limit, the same answers have what belongs to the foreign project.
  expect(seenByAdmin.size).toBeGreaterThanOrEqual(9);
  expect(count).toBe(ROUTES.length * 6);
});
