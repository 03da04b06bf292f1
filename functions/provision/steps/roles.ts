import { workspaceMembers } from "../../../shared/plane/app/workspaces.ts";
import { type Step, step } from "../step.ts";
import { unread } from "../unread.ts";
import type { Person } from "./account.ts";
import { needed, ourWorkspace, people } from "./reading.ts";

const NAMES: Record<number, string> = { 20: "admin", 15: "member" };

/** The agents' roles in the workspace: the Concierge its admin, the others members. People's own are theirs to choose. */
export function roles(agents: readonly Person[]): Step {
  return step({
    name: "roles",
    needs: ["workspace"],
    async look(context) {
      const { members } = await people(context);
      return agents.flatMap((agent) => {
        const member = members.find(({ email }) => email === agent.email.toLowerCase());
        return member && member.role !== agent.role ? [{ ...member, wanted: agent.role, name: agent.name }] : [];
      });
    },
    decide: (wrong) => ({
      actions: wrong.map(({ name, membership, wanted }) => ({
        is: "changed" as const,
        detail: `make ${name} ${NAMES[wanted] ?? wanted}`,
        membership,
        role: wanted,
      })),
      ...(wrong.length === 0 && { note: "the Concierge admin, the others members" }),
    }),
    async act(context, { membership, role }) {
      const { session, params } = needed(await ourWorkspace(context), "The workspace");
      await session.call(unread(workspaceMembers.update), { params: { ...params, membership }, json: { role } });
    },
  });
}
