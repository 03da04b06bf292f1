/** Which steps the command runs, in their order: to provision everything, to rotate secrets or to retire old ones. */

import type { ProvisionSettings } from "../../../shared/config/provision-settings.ts";
import { toSettingName } from "../../../shared/config/settings-file.ts";
import type { ProvisionStep } from "../step.ts";
import { type AccountSpec, adminProfileStep, createAccountStep, createRolesStep } from "./accounts.ts";
import {
  adminTokenStep,
  agentsFileStep,
  connectionStep,
  hookTokenStep,
  openclawStep,
  skillStep,
  telegramStep,
} from "./local.ts";
import { OWN_KEY_SETTING } from "./plane-state.ts";
import { labelsStep, projectStep, statesStep } from "./project.ts";
import { createAgentProjectsStep, createProjectMembersStep } from "./project-members.ts";
import { createSampleTasksStep, sampleProjectStep } from "./sample-project.ts";
import {
  type ApiKeySpec,
  createApiKeyStep,
  createBridgeTokenStep,
  createRetireStep,
  createRotateStep,
  toRotatableBridgeToken,
  toRotatableKey,
} from "./tokens.ts";
import { webhookSecret, webhookStep } from "./webhook.ts";
import { adminStep, planeStep, workspaceStep } from "./workspace.ts";

const ADMIN_ROLE = 20;
const MEMBER_ROLE = 15;

/**
 * What the command does: rotate the secrets of this target, revoke the old values after a rotation, or provision
 * everything.
 */
export interface ProvisionTask {
  rotate?: string | undefined;
  retire: boolean;
}

/** The steps for this task, in their order; undefined when the target of a rotation is unknown. */
export function createProvisionSteps(
  { rotate: target, retire }: ProvisionTask,
  settings: ProvisionSettings,
): ProvisionStep[] | undefined {
  if (target === undefined && !retire) return createAllSteps(settings);
  const ownKey = toRotatableKey(toOwnKey(settings));
  const toKey = (agent: ProvisionedAgent) => toRotatableKey(toAgentKey(agent));
  const toToken = ({ name }: ProvisionedAgent) => toRotatableBridgeToken(name);
  if (target === undefined) {
    // Its old values are only on this machine.
    const webhook = { ...webhookSecret, name: webhookSecret.setting, needs: [] };
    const secrets = [ownKey, ...settings.agents.map(toKey), ...settings.agents.map(toToken), webhook];
    return [planeStep, adminStep, ...secrets.map(createRetireStep)];
  }
  const isNamed = (name: string) => target === "all" || target === name;
  const agents = settings.agents.filter(({ name }) => isNamed(name) || name.toLowerCase() === target.toLowerCase());
  const rotated = [
    ...(isNamed("groundcrew") ? [ownKey] : []),
    ...agents.flatMap((agent) => [toKey(agent), toToken(agent)]),
    ...(isNamed("webhook") ? [webhookSecret] : []),
  ];
  return rotated.length > 0 ? [planeStep, adminStep, ...rotated.map(createRotateStep)] : undefined;
}

/** The targets that `--rotate` accepts. */
export function listRotationTargets({ agents }: ProvisionSettings): string[] {
  return [...agents.map(({ name }) => name), "groundcrew", "webhook", "all"];
}

function createAllSteps(settings: ProvisionSettings): ProvisionStep[] {
  const { admin, human } = settings;
  const agents = settings.agents.map(toAgentAccount);
  const isAdmin = human.email.toLowerCase() === admin.email.toLowerCase();
  const humanRole = human.role === "admin" ? ADMIN_ROLE : MEMBER_ROLE;
  const humanAccount = { step: "human", email: human.email, name: human.name, role: humanRole, isHuman: true };
  // People's accounts besides the administrator's, which exists from the beginning.
  const humans = isAdmin ? [] : [humanAccount];
  const admins = isAdmin ? [] : [{ email: admin.email, name: admin.name, role: ADMIN_ROLE }];
  const groundcrewKey = toOwnKey(settings);
  const owner = agents.find(({ email }) => email === groundcrewKey.email);
  const workers = settings.agents.filter(({ role }) => role !== "concierge").slice(0, 2);
  const owners = [...workers.map(toAgentAccount), ...humans];
  return [
    planeStep,
    adminStep,
    adminProfileStep,
    workspaceStep,
    ...humans.map(createAccountStep),
    ...agents.map(createAccountStep),
    createRolesStep(agents),
    createApiKeyStep(groundcrewKey, [owner?.step ?? "workspace"], "groundcrew's API key"),
    ...settings.agents.map((agent) =>
      createApiKeyStep(toAgentKey(agent), [toAgentAccount(agent).step], `API key ${agent.name}`),
    ),
    projectStep,
    // First of all the members: what follows needs Groundcrew's own account among them.
    createProjectMembersStep([...admins, humanAccount, ...agents], groundcrewKey.email),
    createAgentProjectsStep(agents, groundcrewKey.email),
    statesStep,
    labelsStep,
    createSampleTasksStep(owners.map(({ step }) => step)),
    sampleProjectStep,
    telegramStep,
    ...settings.agents.map(({ name }) => createBridgeTokenStep(name)),
    adminTokenStep,
    agentsFileStep,
    connectionStep,
    skillStep,
    hookTokenStep,
    openclawStep,
    // Last, because Plane switches a webhook off whose deliveries fail.
    webhookStep,
  ];
}

export type ProvisionedAgent = ProvisionSettings["agents"][number];

export function toAgentAccount({ name, email, role }: ProvisionedAgent): AccountSpec {
  const planeRole = role === "concierge" ? ADMIN_ROLE : MEMBER_ROLE;
  return { step: `account ${name}`, email, name, role: planeRole, isHuman: false };
}

export function toAgentKey({ name, email }: ProvisionedAgent): ApiKeySpec {
  return { name: `${OWN_KEY_SETTING}_${toSettingName(name)}`, email, label: `groundcrew ${name}` };
}

/**
 * Groundcrew uses the Concierge's account, with its own key, so that its changes appear as the team's and not as a
 * human's.
 */
export function toOwnKey({ agents, admin: { email } }: ProvisionSettings): ApiKeySpec {
  const concierge = agents.find(({ role }) => role === "concierge");
  return { name: OWN_KEY_SETTING, email: concierge?.email ?? email, label: "groundcrew" };
}
