import { Hono } from "hono";
import type { Deps, Route } from "../../shared/app/deps.ts";
import { GroundcrewError } from "../../shared/errors.ts";
import type { AgentsAnswer } from "./api-answers.ts";

/** The agents and their bridge tokens: how many count, a new one, the end of the old one. Never a token twice. */
export const agentsRoute: Route = { path: "/api/agents", access: "page", app };

function app({ settings, bridgeTokens }: Pick<Deps, "settings" | "bridgeTokens">): Hono {
  const tokenCounts = new Map(settings.agents.map(({ name }) => [name, 0]));
  for (const { agent, tokens } of settings.agentTokens) tokenCounts.set(agent, tokens.length);

  function getBridgeTokens(agent: string) {
    if (!tokenCounts.has(agent))
      throw new GroundcrewError(
        "not_found",
        `There is no agent ${JSON.stringify(agent.slice(0, 60))}: agents are named in the JSON file, under "agents".`,
      );
    if (bridgeTokens) return bridgeTokens;
    throw new GroundcrewError(
      "conflict",
      "Groundcrew keeps no secrets file here: replace AGENT_TOKEN_<AGENT> where the secrets are set.",
    );
  }

  return new Hono()
    .get("/", (c) => {
      const agentList = [...tokenCounts].map(([name, tokens]) => ({ name, tokens }));
      return c.json({ agents: agentList, write: bridgeTokens !== undefined } satisfies AgentsAnswer);
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
