import type { Settings } from "../../shared/config.ts";
import { projects } from "../../shared/plane/projects.ts";
import { members, users } from "../../shared/plane/users-members.ts";
import { type Check, failed, ok, warning } from "./check.ts";
import { keyCheck } from "./plane.ts";
import type { Ask } from "./plane-ask.ts";

/** Each agent's Plane account and own key. Asks one request and two per key. */
export async function agentChecks(ask: Ask, settings: Settings): Promise<Check[]> {
  const { plane, agents } = settings;
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
    checks.push((await keyFault(ask, key, email, { about, workspace: plane.workspace })) ?? tokenCheck(name, settings));
  }
  return checks;
}

/** What is wrong with an agent's key, or with what it opens; undefined when nothing is. */
async function keyFault(
  ask: Ask,
  key: string,
  email: string,
  { about, workspace }: { about: string; workspace: string },
): Promise<Check | undefined> {
  const me = await ask(users.me, key);
  if (!me.ok) return keyCheck(about, me.error);
  if (!same(me.data.email, email))
    return failed(
      about,
      `its API key belongs to ${me.data.email ?? me.data.display_name}, not to ${email}`,
      "Give each agent its own key.",
    );
  // The list of members goes on naming those who were removed.
  const seen = await ask(projects.list, key);
  if (!seen.ok && seen.error.code === "auth")
    return failed(
      about,
      `${email} was removed from ${workspace}: its key opens nothing there`,
      "`npm run provision`, or invite it again; then add it to its projects (Plane: project settings, Members).",
    );
  if (!seen.ok) return keyCheck(about, seen.error);
  if (seen.data.results.some(({ is_member, archived_at }) => is_member && archived_at === null)) return undefined;
  return warning(
    about,
    "is in none of the projects: it can work on no task",
    "Add it to those it is to work in (Plane: project settings, Members).",
  );
}

function tokenCheck(name: string, { agentTokens }: Settings): Check {
  const about = `agent ${name}`;
  if (agentTokens.some(({ agent, tokens }) => agent === name && tokens.length > 0))
    return ok(about, "its account, API key and bridge token are there");
  return warning(
    about,
    "its account and key are well, but it has no bridge token",
    "`npm run provision` makes one (AGENT_TOKEN_<AGENT>).",
  );
}

function same(a: string | null, b: string): boolean {
  return a?.toLowerCase() === b.toLowerCase();
}
