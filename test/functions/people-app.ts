import { findTask } from "../../shared/tasks/find-task.ts";
import { askHuman } from "../../shared/tasks/people/questions.ts";
import { signIn } from "../support/http-test-app.ts";
import { createTicketsApp } from "./tickets/tickets-app.ts";

/** What belongs to the project OPS only: no text of it may reach who is not a member. */
export const FOREIGN = /OPS|Zurich/;

/** The people of these tests, with their role in Plane. All are members of ONB; nobody but the agents is one of OPS. */
const PEOPLE = { Gil: 5, Mia: 15, Eve: 20 } as const;

export type PersonName = keyof typeof PEOPLE;

/** The product with a guest, a member and an admin, and two projects with tasks, requests and tickets in each. */
export async function createPeopleApp(
  options: { env?: Record<string, string>; config?: Record<string, unknown> } = {},
) {
  const tokens = new Map<string, string>();
  const users = new Map<string, { id: string }>();
  const app = await createTicketsApp(
    { repositories: { ONB: "/srv/onb", OPS: "/srv/ops" } },
    {
      ...options,
      env: { TRUSTED_PROXIES: "127.0.0.1", ...options.env },
      setUpPlane(plane) {
        for (const [name, role] of Object.entries(PEOPLE)) {
          const user = plane.addUser({ name, role });
          users.set(name, user);
          tokens.set(name, plane.createApiKey(user));
        }
        return {};
      },
    },
  );
  const agents = ["Concierge", "Imhotep", "Thot"].map(app.getUser);
  const ops = app.plane.addProject({ name: "Zurich operations", identifier: "OPS", members: [app.human, ...agents] });
  await app.poll();
  let source = 0;

  /** Signs in and returns the status and the cookie; every call comes from another address. */
  async function signInWith(token: string, headers: Record<string, string> = {}) {
    source += 1;
    return signIn(app.url, token, { "x-forwarded-for": `203.0.113.${source % 250}`, ...headers });
  }

  /** Handles what is due within some seconds; reminders of requests stay. */
  const settle = () => app.runFor(10_000, 500);

  return Object.assign(app, {
    ops,
    settle,
    getPerson: (name: PersonName) => users.get(name) ?? { id: "" },
    getPlaneToken: (name: PersonName) => tokens.get(name) ?? "",
    signInWith,
    /** Signs a person in with their own Plane API token and returns the cookie. */
    async signInAs(name: PersonName): Promise<string> {
      return (await signInWith(tokens.get(name) ?? "")).cookie;
    },
    /** Requests a route as the page does. */
    async requestAs(cookie: string, route: string, body?: unknown) {
      const [method = "", path = ""] = route.split(" ");
      const json = body === undefined ? {} : { body: JSON.stringify(body) };
      const headers = { cookie, origin: app.url, "content-type": "application/json" };
      const response = await fetch(app.url + path, { method, headers, ...json });
      const isStream = response.headers.get("content-type") === "text/event-stream";
      const text = isStream ? await response.body?.cancel().then(() => "") : await response.text();
      return { status: response.status, text: text ?? "" };
    },
    /** An agent asks people about a task. Returns the id of the request. */
    async ask(agent: string, key: string, text: string): Promise<string> {
      const context = app.createContext(agent);
      const { id } = await askHuman(context, await findTask(context, key), { text });
      await settle();
      return id;
    },
  });
}
