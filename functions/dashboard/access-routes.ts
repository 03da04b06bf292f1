/** Who may use Groundcrew: the sign-in of people and their sessions, and the agents with their tokens. */

import { type Context, Hono } from "hono";
import { z } from "zod";
import type { Deps, Route } from "../../shared/app/deps.ts";
import { toPathBesideSecrets } from "../../shared/config/secrets.ts";
import { GroundcrewError } from "../../shared/errors.ts";
import { createPageCheck } from "../../shared/http/access.ts";
import { createJsonReader } from "../../shared/http/limits.ts";
import {
  createPageSessions,
  createSessionCookie,
  describePlace,
  type PageSession,
} from "../../shared/http/page-sessions.ts";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import { findPerson, redeemSignInLink } from "../../shared/people/directory.ts";
import { ADMIN_VIEWER, toViewer, type Viewer } from "../../shared/people/viewer.ts";
import { PlaneAuthError, PlaneError } from "../../shared/plane/errors.ts";
import { projectsApi, usersApi } from "../../shared/plane/projects.ts";
import { toPlaneRefusal } from "../../shared/refusals/render-refusal.ts";
import { recordProof, refreshPeople } from "../../shared/sync/projects.ts";

const signInSchema = z.object({ token: z.string().max(1_000) });

/** An API token of Plane, as it makes them. Only what looks like one is sent there. */
const PLANE_TOKEN = /^plane_api_\w{16,100}$/;

/**
 * Signs the page in and out, and says who is signed in. Public, because signing in precedes authentication. A token is
 * ADMIN_TOKEN, the secret of a one-time link, or a person's own Plane API token. Wrong ones are counted with unknown
 * bearer tokens. ADMIN_TOKEN and a link always sign in, because other clients behind the same address could otherwise
 * lock people out; their length prevents guessing.
 */
export const sessionRoute: Route = { path: "/api/session", access: "public", app: createSessionApp };

/** Lists the sessions of the page and ends them: a person's own, for an admin all. */
export const signInsRoute: Route = { path: "/api/sign-ins", access: "page", app: createSignInsApp };

/** Lists agents with the number of their active bridge tokens, renews a token and retires old ones. Shows a token once. */
export const agentsRoute: Route = { path: "/api/agents", access: "page", app: createAgentsApp };

export type SessionAnswer = ReturnType<typeof describeViewer>;

export type SignInsAnswer = Awaited<ReturnType<typeof describeSessions>>;

export type AgentsAnswer = ReturnType<typeof describeAgents>;

function createSessionApp(deps: Deps): Hono {
  const { settings, log } = deps;
  const sessions = createPageSessions(deps);
  const cookie = createSessionCookie(settings);
  const checkAccess = createPageCheck(deps);
  const readJson = createJsonReader(4_096);

  return new Hono()
    .get("/", async (c) => {
      await checkAccess(c);
      return c.json(describeViewer(c.get("viewer")));
    })
    .post("/", async (c) => {
      // An HTML form of another site cannot send JSON, so requiring it prevents cross-site sign-ins.
      const { token } = await readJson(c, signInSchema, { example: 'Send {"token": "…"}.' });
      const place = describePlace(c);
      const forAdmin = await sessions.openForAdmin(token, place);
      const person = forAdmin === undefined ? await identifyPerson(deps, c, token, place) : undefined;
      const value = forAdmin ?? (person && (await sessions.openForPerson(person, place)));
      if (value === undefined) throw deps.unknownTokens.countRefusal(c, createSignInRefusal(deps));
      const viewer = (person && toViewer(person)) ?? ADMIN_VIEWER;
      log.info("signed in", { correlation: c.get("correlation"), person: viewer.name, ...place });
      c.set("viewer", viewer);
      cookie.set(c, value);
      return c.json({ ok: true });
    })
    .delete("/", async (c) => {
      const value = cookie.read(c);
      if (value !== undefined) await sessions.close(value);
      cookie.clear(c);
      return c.json({ ok: true });
    });
}

/** Who is signed in: "admin" with ADMIN_TOKEN. */
function describeViewer({ name, email, role }: Pick<Viewer, "name" | "email" | "role">) {
  return { name, role, ...omitUndefined({ email }) };
}

function createSignInRefusal({ settings }: Pick<Deps, "settings">): GroundcrewError {
  if (settings.adminTokens.length > 0)
    return new GroundcrewError("unauthorized", "This is neither ADMIN_TOKEN, a Plane API token, nor a valid link.");
  const message =
    "ADMIN_TOKEN is not set, and this is neither a Plane API token nor a valid link. Set it and restart Groundcrew.";
  return new GroundcrewError("unauthorized", message, { refusal: { name: "signInOff" } });
}

/** Finds the person whose link or Plane API token it is; undefined for anything else. The token is not kept. */
async function identifyPerson(deps: Deps, c: Context, token: string, place: PageSession["place"]) {
  if (!PLANE_TOKEN.test(token))
    return redeemSignInLink(deps, token, `${place.browser} (${place.address})`, c.get("correlation"));
  // Who is over the limit costs no request to Plane.
  const limit = deps.unknownTokens.findLimit(c);
  if (limit) throw limit;
  const id = await readTokenOwner(deps, token);
  if (id === undefined) return undefined;
  // Who has just come to the workspace is not stored yet.
  if (!(await findPerson(deps, { id }))) await refreshPeople(deps);
  await recordProof(deps, id);
  return findPerson(deps, { id });
}

/** Asks Plane whose API token it is; undefined for one that it refuses, also as that of nobody in the workspace. */
async function readTokenOwner(deps: Deps, token: string): Promise<string | undefined> {
  try {
    const plane = await deps.createPlaneClient(token);
    const { data } = await plane.call(usersApi.me);
    await plane.call(projectsApi.list, { query: { per_page: "1" } });
    return data.id;
  } catch (thrown) {
    if (thrown instanceof PlaneAuthError) return undefined;
    if (!(thrown instanceof PlaneError)) throw thrown;
    const message = "Plane does not answer, so the token cannot be checked. Try again later.";
    throw new GroundcrewError("unavailable", message, { cause: thrown, refusal: toPlaneRefusal(thrown) });
  }
}

function createSignInsApp(deps: Deps): Hono {
  const sessions = createPageSessions(deps);
  /** The sessions that the viewer may see and end. */
  async function listOwn(c: Context): Promise<PageSession[]> {
    const { id, role } = c.get("viewer");
    return (await sessions.list()).filter(({ viewer }) => role === "admin" || viewer.id === id);
  }

  return new Hono()
    .get("/", async (c) => {
      return c.json(describeSessions(await listOwn(c), c.get("session")));
    })
    .delete("/", async (c) => {
      const ids = (await listOwn(c)).map(({ id }) => id).filter((id) => id !== c.get("session"));
      await sessions.end(ids);
      return c.json({ ended: ids.length });
    })
    .delete("/:id", async (c) => {
      const ids = (await listOwn(c)).map(({ id }) => id).filter((id) => id === c.req.param("id"));
      if (ids.length === 0)
        throw new GroundcrewError("not_found", "There is no such session. It may have ended already.");
      await sessions.end(ids);
      return c.json({ ended: ids.length });
    });
}

function describeSessions(sessions: readonly PageSession[], current: string | undefined) {
  const sign_ins = sessions.map(({ id, viewer, place, at, usedAt }) => ({
    ...{ id, ...describeViewer(viewer), ...place },
    ...{ at: new Date(at).toISOString(), used_at: new Date(usedAt).toISOString() },
    ...omitUndefined({ current: id === current || undefined }),
  }));
  return { sign_ins };
}

function createAgentsApp({ settings, bridgeTokens }: Pick<Deps, "settings" | "bridgeTokens">): Hono {
  const tokenCounts = new Map(settings.agents.map(({ name }) => [name, 0]));
  for (const { agent, tokens } of settings.agentTokens) tokenCounts.set(agent, tokens.length);

  function getBridgeTokens(agent: string) {
    if (!tokenCounts.has(agent))
      throw new GroundcrewError(
        "not_found",
        `Unknown agent ${JSON.stringify(agent.slice(0, 60))}. Agents are configured in the settings file under "agents".`,
      );
    if (bridgeTokens) return bridgeTokens;
    throw new GroundcrewError(
      "conflict",
      "Groundcrew manages no secrets file here. Replace AGENT_TOKEN_<AGENT> where the secrets are configured.",
      { refusal: { name: "tokenElsewhere" } },
    );
  }

  return new Hono()
    .get("/", (c) => {
      const path = bridgeTokens && toPathBesideSecrets(settings.secretsFile, "agents/<agent>/token");
      return c.json(describeAgents(tokenCounts, path, bridgeTokens !== undefined));
    })
    .post("/:name/token", async (c) => {
      const name = c.req.param("name");
      return c.json({ token: await getBridgeTokens(name).renew(name) });
    })
    .post("/:name/retire", async (c) => {
      const name = c.req.param("name");
      return c.json({ retired: await getBridgeTokens(name).retire(name) });
    });
}

/**
 * @param tokens number of active bridge tokens of each agent
 * @param path the file of each agent's current token on the server, with `<agent>` in it
 * @param write whether tokens can be replaced
 */
function describeAgents(tokens: ReadonlyMap<string, number>, path: string | undefined, write: boolean) {
  return { agents: [...tokens].map(([name, count]) => ({ name, tokens: count })), write, ...omitUndefined({ path }) };
}
