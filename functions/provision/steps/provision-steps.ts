import type { ProvisionSettings } from "../../../shared/config/provision-settings.ts";
import { toSettingName } from "../../../shared/config/settings-file.ts";
import { keepDefined } from "../../../shared/keep-defined.ts";
import type { ApiKeySpec } from "../api-tokens.ts";
import type { ProvisionStep } from "../step.ts";
import { type AccountSpec, createAccountStep } from "./account.ts";
import { adminStep } from "./admin.ts";
import { createApiKeyStep } from "./api-key.ts";
import { createProjectMembersStep, labelsStep, statesStep } from "./board.ts";
import { createBridgeTokenStep } from "./bridge-token.ts";
import { adminTokenStep, agentsFileStep, connectionStep, skillStep, telegramStep } from "./local.ts";
import { hookTokenStep, openclawStep } from "./openclaw.ts";
import { planeStep } from "./plane.ts";
import { OWN_KEY_SETTING } from "./plane-state.ts";
import { adminProfileStep } from "./profile.ts";
import { projectStep } from "./project.ts";
import { createRetireBridgeTokenStep, createRetireKeyStep, createRetireSecretStep } from "./retire.ts";
import { createRolesStep } from "./roles.ts";
import { createRotateBridgeTokenStep, createRotateKeyStep, rotateWebhookStep } from "./rotate.ts";
import { sampleProjectStep } from "./sample-project.ts";
import { createSampleTasksStep } from "./sample-tasks.ts";
import { WEBHOOK_SECRET, webhookStep } from "./webhook.ts";
import { workspaceStep } from "./workspace.ts";

const ADMIN_ROLE = 20;
const MEMBER_ROLE = 15;

/**
 * The command's task: provision everything, rotate the secrets of `target`, or revoke the old values after a rotation.
 */
export type ProvisionTask = { kind: "provision" } | { kind: "rotate"; target: string } | { kind: "retire" };

/** The steps for this task, in their order; undefined when the target of a rotation is unknown. */
export function createProvisionSteps(task: ProvisionTask, settings: ProvisionSettings): ProvisionStep[] | undefined {
  if (task.kind === "provision") return createAllSteps(settings);
  const keys = [toOwnKey(settings), ...settings.agents.map(toAgentKey)];
  const start = [planeStep, adminStep];
  if (task.kind === "retire")
    return [
      ...start,
      ...keys.map(createRetireKeyStep),
      ...settings.agents.map(({ name }) => createRetireBridgeTokenStep(name)),
      createRetireSecretStep(WEBHOOK_SECRET),
    ];
  const all = task.target === "all";
  const agents = settings.agents.filter(({ name }) => all || name.toLowerCase() === task.target.toLowerCase());
  const steps = keepDefined([
    all || task.target === "groundcrew" ? createRotateKeyStep(toOwnKey(settings)) : undefined,
    ...agents.flatMap((agent) => [createRotateKeyStep(toAgentKey(agent)), createRotateBridgeTokenStep(agent.name)]),
    all || task.target === "webhook" ? rotateWebhookStep : undefined,
  ]);
  return steps.length > 0 ? [...start, ...steps] : undefined;
}

/** The targets that `--rotate` accepts. */
export function listRotationTargets({ agents }: ProvisionSettings): string[] {
  return [...agents.map(({ name }) => name), "groundcrew", "webhook", "all"];
}

function createAllSteps(settings: ProvisionSettings): ProvisionStep[] {
  const agents = settings.agents.map(toAgentAccount);
  const human: AccountSpec = {
    step: "human",
    email: settings.human.email,
    name: settings.human.name,
    lastName: "",
    role: settings.human.role === "admin" ? ADMIN_ROLE : MEMBER_ROLE,
    isHuman: true,
  };
  const isAdmin = settings.human.email.toLowerCase() === settings.admin.email.toLowerCase();
  const groundcrewKey = toOwnKey(settings);
  const owner = agents.find(({ email }) => email === groundcrewKey.email);
  const memberAccounts = keepDefined([
    isAdmin ? undefined : { email: settings.admin.email, name: settings.admin.name, role: ADMIN_ROLE },
    human,
    ...agents,
  ]);
  const workers = settings.agents.filter(({ role }) => role !== "concierge").slice(0, 2);
  const owners = keepDefined([
    ...workers.map((worker) => toAgentAccount(worker).step),
    isAdmin ? undefined : human.step,
  ]);
  return keepDefined([
    planeStep,
    adminStep,
    adminProfileStep,
    workspaceStep,
    isAdmin ? undefined : createAccountStep(human),
    ...agents.map(createAccountStep),
    createRolesStep(agents),
    createApiKeyStep(groundcrewKey, [owner?.step ?? "workspace"], "groundcrew's API key"),
    ...settings.agents.map((agent) =>
      createApiKeyStep(toAgentKey(agent), [toAgentAccount(agent).step], `API key ${agent.name}`),
    ),
    webhookStep,
    projectStep,
    statesStep,
    labelsStep,
    createProjectMembersStep(memberAccounts),
    createSampleTasksStep(owners),
    sampleProjectStep,
    telegramStep,
    ...settings.agents.map(({ name }) => createBridgeTokenStep(name)),
    adminTokenStep,
    agentsFileStep,
    connectionStep,
    skillStep,
    hookTokenStep,
    openclawStep,
  ]);
}

type Agent = ProvisionSettings["agents"][number];

function toAgentAccount({ name, email, role }: Agent): AccountSpec {
  return {
    step: `account ${name}`,
    email,
    name,
    lastName: "Agent",
    role: role === "concierge" ? ADMIN_ROLE : MEMBER_ROLE,
    isHuman: false,
  };
}

function toAgentKey({ name, email }: Agent): ApiKeySpec {
  return { name: `${OWN_KEY_SETTING}_${toSettingName(name)}`, email, label: `groundcrew ${name}` };
}

/**
 * Groundcrew uses the Concierge's account, with its own key, so that its changes appear as the team's and not as a
 * human's.
 */
function toOwnKey({ agents, admin: { email } }: ProvisionSettings): ApiKeySpec {
  const concierge = agents.find(({ role }) => role === "concierge");
  return { name: OWN_KEY_SETTING, email: concierge?.email ?? email, label: "groundcrew" };
}
