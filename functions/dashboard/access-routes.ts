/** Who may use Groundcrew: the sign-in of people, and the agents with their tokens. */

import { Hono } from "hono";
import { z } from "zod";
import type { Deps, Route } from "../../shared/app/deps.ts";
import { toPathBesideSecrets } from "../../shared/config/secrets.ts";
import { GroundcrewError } from "../../shared/errors.ts";
import { createJsonReader } from "../../shared/http/limits.ts";
import { createPageSessions, createSessionCookie } from "../../shared/http/page-sessions.ts";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import type { AgentsAnswer } from "./answers.ts";

const signInSchema = z.object({ token: z.string().max(1_000) });

/**
 * Signs the page in with ADMIN_TOKEN, and out again. Public, because signing in precedes authentication. Wrong tokens
 * are counted with unknown bearer tokens. The right one always signs in, because other clients behind the same address
 * could otherwise lock the admin out; its length prevents guessing.
 */
export const sessionRoute: Route = { path: "/api/session", access: "public", app: createSessionApp };

/** Lists agents with the number of their active bridge tokens, renews a token and retires old ones. Shows a token once. */
export const agentsRoute: Route = { path: "/api/agents", access: "page", app: createAgentsApp };

function createSessionApp({
  settings,
  store,
  unknownTokens,
}: Pick<Deps, "settings" | "store" | "unknownTokens">): Hono {
  const sessions = createPageSessions(store, settings);
  const cookie = createSessionCookie(settings);
  const readJson = createJsonReader(4_096);

  return new Hono()
    .post("/", async (c) => {
      // An HTML form of another site cannot send JSON, so requiring it prevents cross-site sign-ins.
      const { token } = await readJson(c, signInSchema, { example: 'Send {"token": "…"}.' });
      if (settings.adminTokens.length === 0)
        throw new GroundcrewError(
          "unauthorized",
          "ADMIN_TOKEN is not set, so signing in is not possible. Set it and restart Groundcrew.",
          { refusal: { name: "signInOff" } },
        );
      const value = await sessions.open(token);
      if (value === undefined)
        throw unknownTokens.countRefusal(c, new GroundcrewError("unauthorized", "The token is not the ADMIN_TOKEN."));
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
      const agentList = [...tokenCounts].map(([name, tokens]) => ({ name, tokens }));
      const path = bridgeTokens && toPathBesideSecrets(settings.secretsFile, "agents/<agent>/token");
      const answer: AgentsAnswer = {
        agents: agentList,
        write: bridgeTokens !== undefined,
        ...omitUndefined({ path }),
      };
      return c.json(answer);
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
