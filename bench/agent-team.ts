import { toSettingName } from "../shared/config/settings-file.ts";
import type { PlaneSimulator } from "../simulators/plane/plane-simulator.ts";
import type { User } from "../simulators/plane/types.ts";

/** Adds a project with this many agents to Plane: a user, member and label each. */
export function addAgentTeam(plane: PlaneSimulator, count: number) {
  const project = plane.addProject({ name: "Onboarding", identifier: "ONB" });
  const users = Array.from({ length: count }, (_, i) => plane.addUser({ name: `Agent${i + 1}` }));
  for (const user of users) {
    plane.addProjectMember(project, user);
    plane.addLabel(project, toAgentLabel(user));
  }
  return {
    project,
    users,
    /** `agents` of the settings file. */
    agents: users.map(({ display_name: name, email }) => ({ name, email })),
  };
}

/** Creates a Plane key for each agent; returns the environment variables with them. */
export function createAgentKeys(plane: PlaneSimulator, users: readonly User[]): Record<string, string> {
  const toVariable = ({ display_name: name }: User) => `PLANE_API_KEY_${toSettingName(name)}`;
  return Object.fromEntries(users.map((user) => [toVariable(user), plane.createApiKey(user)]));
}

/** Returns the properties of an item that is this agent's task, or of an item that belongs to no agent. */
export function toItemOwnership(user: User | undefined): { assignees?: User[]; labels?: string[] } {
  return user ? { assignees: [user], labels: [toAgentLabel(user)] } : {};
}

const toAgentLabel = (user: User) => `agent:${user.display_name}`;
