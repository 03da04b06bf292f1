/** The route that takes what a gateway says its sessions have used. */

import { Hono } from "hono";
import { z } from "zod";
import type { Deps, Route } from "../shared/app/deps.ts";
import { getOpenclawId } from "../shared/config/settings.ts";
import { createJsonReader } from "../shared/http/limits.ts";
import { recordSessionUsage } from "../shared/tasks/gateway-usage.ts";

/** The answer of OpenClaw 2026.9 to `sessions.usage`, of which only this is read. */
const usageSchema = z.object({
  sessions: z
    .array(
      z.object({
        agentId: z.string().max(64),
        sessionId: z.string().max(100),
        usage: z
          .object({
            totalTokens: z.number().min(0).max(1e15),
            totalCost: z.number().min(0).max(1e9).default(0),
            firstActivity: z.number(),
            lastActivity: z.number(),
          })
          .nullish()
          .catch(undefined),
      }),
    )
    .max(5_000),
});

const EXAMPLE = "Send what `openclaw gateway call sessions.usage --json` prints.";

/** Takes OpenClaw's figures of sessions: totals, so that sending them again changes nothing. */
export const usageRoute: Route = { path: "/api/usage", access: "admin", app };

function app(deps: Deps): Hono {
  const readJson = createJsonReader();
  const agents = new Map(deps.settings.agents.map((agent) => [getOpenclawId(agent), agent.name]));
  return new Hono().post("/", async (c) => {
    const { sessions } = await readJson(c, usageSchema, { example: EXAMPLE });
    const known = sessions.flatMap(({ agentId, sessionId: session, usage }) => {
      const agent = agents.get(agentId);
      if (agent === undefined || !usage) return [];
      const { totalTokens: tokens, totalCost: cost, firstActivity: from, lastActivity: to } = usage;
      return [{ agent, session, tokens, cost, from, to }];
    });
    return c.json({ sessions: await recordSessionUsage(deps, known, c.get("correlation")) });
  });
}
