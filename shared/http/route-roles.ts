/**
 * Which person may use which route: the one table from which the checks of requests, the page's buttons, the reference
 * in docs/http-api.md and the test of every route follow. Pure; the page's script has it, too.
 */

import { PERSON_ROLES, type PersonRole } from "../people/roles.ts";

/** Whose a request must be, so that a person gets only what their own projects hold. */
type RouteSubject =
  /** The route is about no project. */
  | "nothing"
  /** The answer has only what belongs to the person's own projects. */
  | "own"
  /** A task that the path names as `:key` or `:ticket`, or the query as `task`. */
  | "task"
  /** A request to a person, which the path names as `:id`. */
  | "request";

interface RouteRole {
  /** The least role that may use the route. */
  role: PersonRole;
  about: RouteSubject;
}

const READS_OWN = { role: "guest", about: "own" } as const;
const READS_TASK = { role: "guest", about: "task" } as const;
const ACTS_ON_TASK = { role: "member", about: "task" } as const;
const ADMINISTERS = { role: "admin", about: "nothing" } as const;

/** Every route for people, by method and path. A route that is missing here is for admins. */
export const ROUTE_ROLES = {
  "GET /dead-letters": ADMINISTERS,
  "POST /dead-letters/:queue/:id/replay": ADMINISTERS,
  "DELETE /dead-letters/:queue/:id": ADMINISTERS,
  "GET /api/notices": READS_OWN,
  "GET /api/session": { role: "guest", about: "nothing" },
  "GET /api/sign-ins": READS_OWN,
  "DELETE /api/sign-ins": READS_OWN,
  "DELETE /api/sign-ins/:id": READS_OWN,
  "GET /api/board": READS_OWN,
  "GET /api/team": READS_OWN,
  "GET /api/plan": READS_OWN,
  "GET /api/why": READS_OWN,
  "GET /api/chat": ADMINISTERS,
  "POST /api/chat": ADMINISTERS,
  "POST /api/chat/press": ADMINISTERS,
  "GET /api/tasks/:key": READS_TASK,
  "GET /api/tasks/:key/why": READS_TASK,
  "POST /api/tasks/:key/actions": ACTS_ON_TASK,
  "POST /api/tasks/:key/remarks": ACTS_ON_TASK,
  "GET /api/task-file": READS_TASK,
  "GET /api/idle-tasks": READS_OWN,
  "GET /api/tasks": READS_OWN,
  "GET /api/setup": ADMINISTERS,
  "POST /api/setup": ADMINISTERS,
  "GET /api/requests": READS_OWN,
  "GET /api/requests/:id": { role: "guest", about: "request" },
  "POST /api/requests/:id": { role: "member", about: "request" },
  "GET /api/people": ADMINISTERS,
  "GET /api/schedules": READS_OWN,
  "POST /api/schedules": { role: "member", about: "own" },
  "PATCH /api/schedules/:id": { role: "member", about: "own" },
  "DELETE /api/schedules/:id": { role: "member", about: "own" },
  "GET /api/agents": ADMINISTERS,
  "POST /api/agents/:name/token": ADMINISTERS,
  "POST /api/agents/:name/retire": ADMINISTERS,
  "DELETE /api/holds/:system": ADMINISTERS,
  "GET /api/pending-tickets": { role: "member", about: "own" },
  "GET /api/completed-tickets": { role: "member", about: "own" },
  "POST /api/approve/:ticket": ACTS_ON_TASK,
  "POST /api/reject/:ticket": ACTS_ON_TASK,
  "POST /api/update-plane/:ticket": ACTS_ON_TASK,
  "GET /api/permission-rules": { role: "member", about: "own" },
  "POST /api/permission-rules/remove": { role: "member", about: "own" },
  "GET /api/worktrees": { role: "member", about: "own" },
  "POST /api/test/add-ticket": ADMINISTERS,
  "GET /api/tickets/policies/:id": ADMINISTERS,
  "GET /api/tickets/:ticket": ACTS_ON_TASK,
  "GET /api/tickets/:ticket/diff": ACTS_ON_TASK,
  "GET /api/sessions": { role: "member", about: "own" },
  "POST /api/sessions/:ticket/answer": ACTS_ON_TASK,
  "POST /api/sessions/:ticket/input": ACTS_ON_TASK,
  "POST /api/sessions/:ticket/complete": ACTS_ON_TASK,
  "POST /api/sessions/:ticket/cancel": ACTS_ON_TASK,
  "POST /api/sessions/:ticket/extend": ACTS_ON_TASK,
  "POST /api/sessions/:ticket/start": ACTS_ON_TASK,
  "POST /api/sessions/:ticket/send-back": ACTS_ON_TASK,
  "POST /api/sessions/:ticket/remove": ACTS_ON_TASK,
  "GET /api/terminals/:ticket": ACTS_ON_TASK,
  "GET /api/terminals/:ticket/history": ACTS_ON_TASK,
  "GET /api/events": READS_OWN,
} as const satisfies Record<string, RouteRole>;

/** Whether one role may do what another may: each may also do what those before it may. */
export function hasRole(role: PersonRole, wanted: PersonRole): boolean {
  return PERSON_ROLES.indexOf(role) >= PERSON_ROLES.indexOf(wanted);
}

/** Who a request needs, and the parameters of its path; a path that is not in the table needs an admin. */
export function findRouteRole(method: string, path: string): RouteRole & { params: Record<string, string> } {
  const wanted = `${method === "HEAD" ? "GET" : method} ${path}`.split("/");
  for (const [route, needs] of Object.entries(ROUTE_ROLES)) {
    const parts = route.split("/");
    if (parts.length !== wanted.length) continue;
    if (!parts.every((part, i) => part.startsWith(":") || part === wanted[i])) continue;
    const params = parts.flatMap((part, i) => (part.startsWith(":") ? [[part.slice(1), decode(wanted[i] ?? "")]] : []));
    return { ...needs, params: Object.fromEntries(params) };
  }
  return { ...ADMINISTERS, params: {} };
}

/** Decodes a part of a path as the router does; one that is not encoded validly stays as it is. */
function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
