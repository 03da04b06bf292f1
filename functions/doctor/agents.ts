import type { Settings } from "../../shared/config.ts";
import { members, users } from "../../shared/plane/users-members.ts";
import { type Check, failed, ok, warning } from "./check.ts";
import { keyCheck } from "./plane.ts";
import type { Ask } from "./plane-ask.ts";

/** Each agent's Plane account and own key. Asks one request and one per key. */
export async function agentChecks(ask: Ask, { plane, agents, agentTokens }: Settings): Promise<Check[]> {
  if (!plane || agents.length === 0) return [];
  const listed = await ask(members.list, plane.apiKey);
  const checks: Check[] = [];
  for (const { name, email } of agents) {
    const about = `agent ${name}`;
    if (listed.ok && !listed.data.some((member) => same(member.email, email))) {
      checks.push(
        failed(
          about,
          `${email} is no member of ${plane.workspace}: no task can be given to it`,
          "`npm run provision`, or invite it.",
        ),
      );
      continue;
    }
    const key = plane.agentKeys[name];
    if (key === undefined) {
      checks.push(
        warning(
          about,
          "has no API key of its own: what it does stands in Plane under another account",
          "`npm run provision` makes one (PLANE_API_KEY_<AGENT>).",
        ),
      );
      continue;
    }
    const me = await ask(users.me, key);
    if (!me.ok) checks.push(keyCheck(about, me.error));
    else if (!same(me.data.email, email))
      checks.push(
        failed(
          about,
          `its API key belongs to ${me.data.email ?? me.data.display_name}, not to ${email}`,
          "Give each agent its own key.",
        ),
      );
    else if (!agentTokens.some(({ agent, tokens }) => agent === name && tokens.length > 0))
      checks.push(
        warning(
          about,
          "its account and key are well, but it has no bridge token",
          "`npm run provision` makes one (AGENT_TOKEN_<AGENT>).",
        ),
      );
    else checks.push(ok(about, "its account, API key and bridge token are there"));
  }
  return checks;
}

function same(a: string | null, b: string): boolean {
  return a?.toLowerCase() === b.toLowerCase();
}
