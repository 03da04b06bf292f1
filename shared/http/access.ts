/**
 * Who may call: host and origin of the request, a bearer token, a session of the page or a ticket's run token, and the
 * role that each route requires.
 */

import type { Context } from "hono";
import type { Deps, Route } from "../app/deps.ts";
import type { Settings } from "../config/settings.ts";
import { GroundcrewError } from "../errors.ts";
import { computeDigest, hasSameBytes, parseSignature } from "../hashing.ts";
import { isLoopbackAddress } from "../ip-address.ts";
import { ADMIN_VIEWER, limitDeps, seesTask, type Viewer } from "../people/viewer.ts";
import { formatSessionName } from "../records/task-records.ts";
import { findRequest } from "../requests/requests.ts";
import type { Caller } from "../tasks/call-context.ts";
import { findTicketOfToken, isRunToken } from "../tickets/stored-tickets.ts";
import { createPageSessions, createSessionCookie } from "./page-sessions.ts";
import { isApiPath, isWebhookPath, readBearerToken } from "./request.ts";
import { findRouteRole, hasRole } from "./route-roles.ts";

type ProtectedAccess = Exclude<Route["access"], "public">;

type AccessDeps = Pick<Deps, "settings" | "store" | "unknownTokens">;

/** Who has a token. */
interface TokenHolder {
  kind: keyof typeof TOKEN_PURPOSE;
  /** Of an agent's token, and of a session's. */
  caller?: Caller;
}

/** Whose token admits to each kind of route, and what the error message asks for. */
const ADMISSION: Record<ProtectedAccess, { holders: readonly TokenHolder["kind"][]; token: string }> = {
  tick: { holders: ["tick", "admin"], token: "TICK_TOKEN or ADMIN_TOKEN" },
  alerts: { holders: ["alerts", "admin"], token: "ALERTS_TOKEN or ADMIN_TOKEN" },
  admin: { holders: ["admin"], token: "ADMIN_TOKEN" },
  page: { holders: ["admin"], token: "ADMIN_TOKEN" },
  agent: { holders: ["agent", "session"], token: "an agent's bridge token (AGENT_TOKEN_<AGENT>)" },
  runner: { holders: ["runner"], token: "RUNNER_TOKEN" },
};

/** What a valid token with the wrong access is meant for; part of the error message. */
const TOKEN_PURPOSE = {
  admin: "ADMIN_TOKEN is for people",
  tick: "TICK_TOKEN is for /ticks only",
  alerts: "ALERTS_TOKEN is for /api/alerts only",
  agent: "a bridge token is for /mcp and /agent only",
  runner: "RUNNER_TOKEN is for /api/runner only",
  session: "GROUNDCREW_TOKEN of a session is for its own ticket at /mcp and /agent only",
};

/** Names of query parameters under which people and programs put tokens into URLs, which logs and histories keep. */
const TOKEN_NAME =
  /^((access|admin|tick|agent|bridge|auth|bearer)[_-]?)?token$|^(api[_-]?)?key$|^auth(orization)?$|^secret$|^password$/i;

/** Limit of query parameters: 50, five times what any route has. Checking thousands would delay other requests. */
const MAX_QUERY_PARAMETERS = 50;

/** Values shorter than any token (16 characters) need not be hashed to compare them with tokens. */
const MIN_TOKEN_LENGTH = 16;

/**
 * Creates the access check of all routes: a request must pass the check of every route whose path is its own or a
 * prefix of it, even when nothing answers there. This is one function for all routes, because a middleware pattern for
 * each would prevent the router from finding paths by lookup. Returns undefined for a path that needs no check.
 */
export function createRouteGuard(deps: AccessDeps, routes: readonly Route[]) {
  const findHolder = createHolderLookup(deps);
  const guards = routes.flatMap(({ path, access: requiredAccess }) =>
    requiredAccess === "public"
      ? []
      : [{ path, below: `${path.replace(/\/$/, "")}/`, pass: createAccessCheck(deps, requiredAccess, findHolder) }],
  );
  const findGuards = (path: string) =>
    guards.filter((routeGuard) => path === routeGuard.path || path.startsWith(routeGuard.below));
  // Precomputed, because webhooks, the most frequent requests, are among these paths.
  const unguardedPaths = new Set(routes.map(({ path }) => path).filter((path) => findGuards(path).length === 0));

  async function checkAccess(c: Context, matchingGuards: ReturnType<typeof findGuards>) {
    for (const routeGuard of matchingGuards) await routeGuard.pass(c);
  }

  return (c: Context): Promise<void> | undefined => {
    const { path } = c.req;
    if (unguardedPaths.has(path)) return undefined;
    const matchingGuards = findGuards(path);
    return matchingGuards.length > 0 ? checkAccess(c, matchingGuards) : undefined;
  };
}

/** Creates the lookup of who holds a token, of the settings or of a ticket's run; undefined for an unknown one. */
function createHolderLookup({ settings, store }: Pick<Deps, "settings" | "store">) {
  const findConfiguredHolder = createTokenLookup(settings);
  return async (token: string): Promise<TokenHolder | undefined> => {
    const holder = await findConfiguredHolder(token);
    const ticket = !holder && isRunToken(token) ? await findTicketOfToken({ store }, token) : undefined;
    if (!ticket) return holder;
    const { key, item } = ticket;
    const caller = { name: formatSessionName(settings, key), role: "session" as const, ticket: { key, item: item.id } };
    return { kind: "session", caller };
  };
}

/**
 * Creates the check of a route's access: it accepts the tokens of `ADMISSION`, and for `page` the session of a person
 * whose role may use the route for what it is about; the agent or the ticket's session becomes the request's caller,
 * who uses the page its viewer. Throws `unauthorized`, `rate_limited`, `forbidden` or `not_found` for every other
 * request. Requests with an unknown token are counted; a valid token passes whatever was counted.
 */
function createAccessCheck(
  deps: AccessDeps,
  requiredAccess: ProtectedAccess,
  findHolder: ReturnType<typeof createHolderLookup>,
) {
  const { settings, unknownTokens } = deps;
  const findViewer = createSessionLookup(deps);
  const isForPrograms = requiredAccess === "agent" || requiredAccess === "runner";

  return async (c: Context): Promise<void> => {
    const viewer = requiredAccess === "page" ? await findViewer(c) : undefined;
    if (viewer) return requireRole(deps, c, viewer);
    // On this machine the demo needs no token, except for agents and runners: their tokens say what a program may do.
    if (settings.demo && !isForPrograms && isLoopbackAddress(c.get("client"))) return;
    const token = readBearerToken(c);
    const tokenHolder = token === undefined ? undefined : await findHolder(token);
    if (!tokenHolder) {
      const refusal = createUnauthorizedError(c, requiredAccess, token);
      throw token === undefined ? refusal : unknownTokens.countRefusal(c, refusal);
    }
    const { kind, caller } = tokenHolder;
    const { holders, token: required } = ADMISSION[requiredAccess];
    if (!holders.includes(kind))
      throw new GroundcrewError("forbidden", `This requires ${required}; ${TOKEN_PURPOSE[kind]}.`);
    if (caller) c.set("caller", caller);
    if (kind === "admin") c.set("viewer", ADMIN_VIEWER);
  };
}

/** Creates the check for a route of its own access that answers people, too. The viewer of its request is then known. */
export function createPageCheck(deps: AccessDeps): (c: Context) => Promise<void> {
  return createAccessCheck(deps, "page", createHolderLookup(deps));
}

/**
 * Creates the lookup of who signed in to the page that sends a request; undefined for any other request. The demo on
 * this machine needs no sign-in.
 */
function createSessionLookup({ settings, store }: AccessDeps) {
  const cookie = createSessionCookie(settings);
  const sessions = createPageSessions({ settings, store });
  return async (c: Context): Promise<Viewer | undefined> => {
    const isLocalDemo = settings.demo && isLoopbackAddress(c.get("client"));
    const value = isLocalDemo ? undefined : cookie.read(c);
    const session = value === undefined ? undefined : await sessions.find(value);
    if (session) c.set("session", session.id);
    const viewer = isLocalDemo ? ADMIN_VIEWER : session?.viewer;
    if (viewer) c.set("viewer", viewer);
    return viewer;
  };
}

/** Throws `forbidden` when the viewer's role may not use the route, `not_found` for what is in no project of theirs. */
async function requireRole(deps: Pick<Deps, "store">, c: Context, viewer: Viewer): Promise<void> {
  const { role, about, params } = findRouteRole(c.req.method, c.req.path);
  if (!hasRole(viewer.role, role))
    throw new GroundcrewError(
      "forbidden",
      `This is for ${role === "admin" ? "admins" : "members and admins"} of the Plane workspace; you are a ${viewer.role}.`,
      { refusal: { name: role === "admin" ? "adminsOnly" : "membersOnly" } },
    );
  if (!viewer.projects) return;
  if (about === "task") {
    const task = params["key"] ?? params["ticket"] ?? c.req.query("task") ?? "";
    if (await seesTask(deps, viewer, task)) return;
    const name = task.slice(0, 60);
    const refusal = { name: "unknownTask", values: { task: name } } as const;
    throw new GroundcrewError("not_found", `There is no task ${name} in your projects.`, { refusal });
  }
  if (about === "request" && !(await findRequest(limitDeps(deps, viewer), params["id"] ?? "")))
    throw new GroundcrewError("not_found", "There is no such request.", { refusal: { name: "requestGone" } });
}

function createUnauthorizedError(
  c: Context,
  requiredAccess: ProtectedAccess,
  token: string | undefined,
): GroundcrewError {
  c.header("WWW-Authenticate", 'Bearer realm="groundcrew"');
  const unknown = isRunToken(token ?? "") ? "The run of this token is not wanted any more" : "The token is unknown";
  const problem = token === undefined ? "A token is required" : unknown;
  return new GroundcrewError(
    "unauthorized",
    `${problem}: send ${ADMISSION[requiredAccess].token} as \`Authorization: Bearer …\`.`,
  );
}

/**
 * Creates the lookup of who holds a token of the settings; undefined for an unknown one. A call costs one hash, however
 * many tokens there are, and compares digests in constant time. Throws `forbidden` for a token that two agents share,
 * because the caller is then ambiguous.
 */
export function createTokenLookup({
  adminTokens,
  tickTokens,
  alertsTokens,
  runnerTokens,
  agentTokens,
}: Pick<Settings, "adminTokens" | "tickTokens" | "alertsTokens" | "runnerTokens" | "agentTokens">) {
  let entries: Promise<{ holder: TokenHolder; digest: Uint8Array }[]> | undefined;
  const toEntries = (holder: TokenHolder, tokens: readonly string[]) =>
    tokens.map(async (token) => ({
      holder,
      digest: (holder.kind === "agent" && parseTokenHash(token)) || (await computeDigest(token)),
    }));
  return async (token: string): Promise<TokenHolder | undefined> => {
    entries ??= Promise.all([
      ...toEntries({ kind: "admin" }, adminTokens),
      ...toEntries({ kind: "tick" }, tickTokens),
      ...toEntries({ kind: "alerts" }, alertsTokens),
      ...agentTokens.flatMap(({ agent: name, role, tokens }) =>
        toEntries({ kind: "agent", caller: { name, role } }, tokens),
      ),
      ...toEntries({ kind: "runner" }, runnerTokens),
    ]);
    const [known, digest] = await Promise.all([entries, computeDigest(token)]);
    const holders = known.filter((entry) => hasSameBytes(entry.digest, digest)).map(({ holder }) => holder);
    const [agent, otherAgent] = new Set(holders.flatMap(({ caller }) => caller?.name ?? []));
    if (otherAgent === undefined) return holders[0];
    throw new GroundcrewError("forbidden", `${agent} and ${otherAgent} have the same token. Give each its own.`);
  };
}

/** The digest in `sha256:<hex>`; undefined when the text is a token itself. */
function parseTokenHash(token: string): Uint8Array | undefined {
  return token.startsWith("sha256:") ? parseSignature(token.slice("sha256:".length)) : undefined;
}

/**
 * Creates a check against foreign browser pages, DNS rebinding and leaked tokens: refuses an unknown `Host`, a foreign
 * `Origin` (unless ALLOWED_ORIGINS lists it for `/api`) on requests that may change something, more than 50 query
 * parameters, and a token in the URL. Webhooks are exempt, because their signature authenticates them.
 */
export function createOriginCheck(settings: Settings): (c: Context) => Promise<void> | undefined {
  const findHolder = createTokenLookup(settings);
  const isToken = async (text: string) => text.length >= MIN_TOKEN_LENGTH && (await findHolder(text)) !== undefined;

  async function check(c: Context): Promise<void> {
    const url = new URL(c.req.url);
    const host = (c.req.header("host") ?? url.host).toLowerCase();
    // An allowed name without a port matches every port.
    if (![host, host.replace(/:\d+$/, "")].some((name) => settings.allowedHosts.includes(name)))
      throw new GroundcrewError("forbidden", `Host ${host.slice(0, 100)} is not in ALLOWED_HOSTS.`);
    const origin = c.req.header("origin");
    const isReadOnly = c.req.method === "GET" || c.req.method === "HEAD";
    const isListed = isApiPath(url.pathname) && settings.allowedOrigins.includes(origin ?? "");
    if (!isReadOnly && origin !== undefined && !isListed && !isOwnOrigin(origin, host, settings.publicUrl))
      throw new GroundcrewError(
        "forbidden",
        "Requests from another origin are not allowed. ALLOWED_ORIGINS lists the dashboards whose scripts may call /api.",
      );
    if (url.searchParams.size > MAX_QUERY_PARAMETERS)
      throw new GroundcrewError("bad_request", `The URL has more than ${MAX_QUERY_PARAMETERS} query parameters.`);
    for (const [name, value] of url.searchParams) {
      if (TOKEN_NAME.test(name) || (await isToken(value)))
        throw new GroundcrewError(
          "bad_request",
          "A token must not be sent in the URL, because logs keep it. Send it as `Authorization: Bearer …`, and replace this token.",
        );
    }
  }

  return (c) => (isWebhookPath(c.req.path) ? undefined : check(c));
}

/** Whether an origin is the page's own: PUBLIC_URL, whose http form is foreign to an https one, or the requested host. */
function isOwnOrigin(origin: string, host: string, publicUrl: string | undefined): boolean {
  if (origin === publicUrl || origin === `https://${host}`) return true;
  const isPublicHost = publicUrl !== undefined && new URL(publicUrl).host === host;
  return origin === `http://${host}` && !isPublicHost;
}
