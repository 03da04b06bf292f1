import { omitUndefined } from "../../../shared/omit-undefined.ts";
import { workspaceMembersApi } from "../../../shared/plane/app/workspaces.ts";
import { ignoreResponse } from "../ignore-response.ts";
import { createStep, type ProvisionStep } from "../step.ts";
import type { AccountSpec } from "./account.ts";
import { findOwnWorkspace, readWorkspacePeople, requireFound } from "./plane-state.ts";

const ROLE_NAMES: Record<number, string> = { 20: "admin", 15: "member" };

/**
 * Sets the agents' roles in the workspace: the Concierge is an admin, the others are members. Never changes the roles
 * of people.
 */
export function createRolesStep(agents: readonly AccountSpec[]): ProvisionStep {
  return createStep({
    name: "roles",
    needs: ["workspace"],
    async readState(context) {
      const { members } = await readWorkspacePeople(context);
      return agents.flatMap((agent) => {
        const member = members.find(({ email }) => email === agent.email.toLowerCase());
        return member && member.role !== agent.role ? [{ ...member, wanted: agent.role, name: agent.name }] : [];
      });
    },
    decide: (wrongRoles) => ({
      actions: wrongRoles.map(({ name, membership, wanted }) => ({
        is: "changed" as const,
        detail: `make ${name} ${ROLE_NAMES[wanted] ?? wanted}`,
        membership,
        role: wanted,
      })),
      ...omitUndefined({
        note: wrongRoles.length === 0 ? "the Concierge is an admin, the others are members" : undefined,
      }),
    }),
    async applyAction(context, { membership, role }) {
      const { session, params } = requireFound(await findOwnWorkspace(context), "The workspace");
      await session.call(ignoreResponse(workspaceMembersApi.update), {
        params: { ...params, membership },
        json: { role },
      });
    },
  });
}
