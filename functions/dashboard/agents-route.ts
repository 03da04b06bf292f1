import { Hono } from "hono";
import type { Deps, Route } from "../../shared/app/deps.ts";
import { toPathBesideSecrets } from "../../shared/config/provision-schema.ts";
import { GroundcrewError } from "../../shared/errors.ts";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import type { AgentsAnswer } from "./api-answers.ts";

/** Lists agents with the number of their active bridge tokens, renews a token and retires old ones. Shows a token once. */
export const agentsRoute: Route = { path: "/api/agents", access: "page", app };

function app({ settings, bridgeTokens }: Pick<Deps, "settings" | "bridgeTokens">): Hono {
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
