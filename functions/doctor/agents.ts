import type { Settings } from "../../shared/config/settings.ts";
import { projectsApi } from "../../shared/plane/projects.ts";
import { membersApi, usersApi } from "../../shared/plane/users-members.ts";
import { type DoctorCheck, reportFailure, reportOk, reportWarning } from "./check.ts";
import { explainKeyError } from "./plane.ts";
import type { PlaneQuery } from "./plane-query.ts";

/** Each agent's Plane account and own key. Asks one request and two per key. */
export async function checkAgents(queryPlane: PlaneQuery, settings: Settings): Promise<DoctorCheck[]> {
  const { plane, agents } = settings;
  if (!plane || agents.length === 0) return [];
  const memberList = await queryPlane(membersApi.list, plane.apiKey);
  const checks: DoctorCheck[] = [];
  for (const { name, email } of agents) {
    const checkName = `agent ${name}`;
    if (memberList.ok && !memberList.data.some((member) => isSameEmail(member.email, email))) {
      checks.push(
        reportFailure(
          checkName,
          `${email} is no member of ${plane.workspace}: no task can be given to it`,
          "`npm run provision`, or invite it.",
        ),
      );
      continue;
    }
    const key = plane.agentKeys[name];
    if (key === undefined) {
      checks.push(
        reportWarning(
          checkName,
          "has no API key of its own: what it does stands in Plane under another account",
          "`npm run provision` makes one (PLANE_API_KEY_<AGENT>).",
        ),
      );
      continue;
    }
    checks.push(
      (await findKeyFault(queryPlane, key, email, { about: checkName, workspace: plane.workspace })) ??
        checkAgentToken(name, settings),
    );
  }
  return checks;
}

/** What is wrong with an agent's key, or with what it opens; undefined when nothing is. */
async function findKeyFault(
  queryPlane: PlaneQuery,
  key: string,
  email: string,
  { about: checkName, workspace }: { about: string; workspace: string },
): Promise<DoctorCheck | undefined> {
  const me = await queryPlane(usersApi.me, key);
  if (!me.ok) return explainKeyError(checkName, me.error);
  if (!isSameEmail(me.data.email, email))
    return reportFailure(
      checkName,
      `its API key belongs to ${me.data.email ?? me.data.display_name}, not to ${email}`,
      "Give each agent its own key.",
    );
  // The list of members goes on naming those who were removed.
  const projectList = await queryPlane(projectsApi.list, key);
  if (!projectList.ok && projectList.error.code === "auth")
    return reportFailure(
      checkName,
      `${email} was removed from ${workspace}: its key opens nothing there`,
      "`npm run provision`, or invite it again; then add it to its projects (Plane: project settings, Members).",
    );
  if (!projectList.ok) return explainKeyError(checkName, projectList.error);
  if (projectList.data.results.some(({ is_member, archived_at }) => is_member && archived_at === null))
    return undefined;
  return reportWarning(
    checkName,
    "is in none of the projects: it can work on no task",
    "Add it to those it is to work in (Plane: project settings, Members).",
  );
}

function checkAgentToken(name: string, { agentTokens }: Settings): DoctorCheck {
  const checkName = `agent ${name}`;
  if (agentTokens.some(({ agent, tokens }) => agent === name && tokens.length > 0))
    return reportOk(checkName, "its account, API key and bridge token are there");
  return reportWarning(
    checkName,
    "its account and key are well, but it has no bridge token",
    "`npm run provision` makes one (AGENT_TOKEN_<AGENT>).",
  );
}

function isSameEmail(a: string | null, b: string): boolean {
  return a?.toLowerCase() === b.toLowerCase();
}
