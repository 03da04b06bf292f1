import type { Settings } from "../../shared/config/settings.ts";
import { projectsApi } from "../../shared/plane/projects.ts";
import { membersApi, usersApi } from "../../shared/plane/users-members.ts";
import { type DoctorCheck, reportFailure, reportOk, reportWarning } from "./check.ts";
import { explainKeyError } from "./plane.ts";
import type { PlaneQuery } from "./plane-query.ts";

/** Checks each agent's Plane account and API key. Costs one request, and two more per key. */
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
          `${email} is not a member of ${plane.workspace}: no task can be assigned to it`,
          "Run `npm run provision`, or invite it.",
        ),
      );
      continue;
    }
    const key = plane.agentKeys[name];
    if (key === undefined) {
      checks.push(
        reportWarning(
          checkName,
          "has no API key of its own: Plane shows its actions under another account",
          "Run `npm run provision`, or set PLANE_API_KEY_<AGENT>.",
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

/** The problem with an agent's key or with its access; undefined when there is none. */
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
      "Give each agent its own key (PLANE_API_KEY_<AGENT>).",
    );
  // Plane's list of members still contains accounts that were removed; only a request with their key fails.
  const projectList = await queryPlane(projectsApi.list, key);
  if (!projectList.ok && projectList.error.code === "auth")
    return reportFailure(
      checkName,
      `${email} was removed from ${workspace}: its key has no access there`,
      "Run `npm run provision`, or invite it again; then add it to its projects (Plane: project settings, Members).",
    );
  if (!projectList.ok) return explainKeyError(checkName, projectList.error);
  if (projectList.data.results.some(({ is_member, archived_at }) => is_member && archived_at === null))
    return undefined;
  return reportWarning(
    checkName,
    "is not a member of any project: it cannot work on tasks",
    "Add it to its projects (Plane: project settings, Members).",
  );
}

function checkAgentToken(name: string, { agentTokens }: Settings): DoctorCheck {
  const checkName = `agent ${name}`;
  if (agentTokens.some(({ agent, tokens }) => agent === name && tokens.length > 0))
    return reportOk(checkName, "its account, API key and bridge token are set up");
  return reportWarning(
    checkName,
    "its account and API key work, but it has no bridge token",
    "Run `npm run provision`, or set AGENT_TOKEN_<AGENT>.",
  );
}

function isSameEmail(a: string | null, b: string): boolean {
  return a?.toLowerCase() === b.toLowerCase();
}
