/**
 * Which steps a command runs, in their order: to provision everything, to rotate secrets or to retire old ones, to add
 * one agent, or to take it back.
 */

import { z } from "zod";
import type { ProvisionSettings } from "../../../shared/config/provision-settings.ts";
import { toSettingName } from "../../../shared/config/settings-file.ts";
import { getErrorMessage } from "../../../shared/errors.ts";
import { getOwnEmail, OWN_KEY_SETTING, type ProvisionContext } from "../context.ts";
import { getBridgeTokenPath, getBridgeTokenSetting } from "../files.ts";
import { change, createStep, type ProvisionStep } from "../step.ts";
import {
  adminTokenStep,
  agentsFileStep,
  connectionStep,
  createFileStep,
  hookTokenStep,
  openclawStep,
  skillStep,
  telegramStep,
} from "./local.ts";
import { createAgentProjectsStep, createProjectMembersStep, labelsStep, projectStep, statesStep } from "./project.ts";
import { createSampleTasksStep, sampleProjectStep } from "./sample-project.ts";
import {
  type ApiKeySpec,
  createApiKeyStep,
  createBridgeTokenStep,
  createRetireStep,
  createRotateStep,
  deleteOldTokens,
  toRotatableBridgeToken,
  toRotatableKey,
  webhookSecret,
  webhookStep,
} from "./tokens.ts";
import {
  type AccountSpec,
  adminProfileStep,
  adminStep,
  createAccountRemovalStep,
  createAccountStep,
  createRolesStep,
  planeStep,
  workspaceStep,
} from "./workspace.ts";

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

type ProvisionedAgent = ProvisionSettings["agents"][number];

/** The settings file as the command wants it. */
interface SettingsFile {
  path: string;
  text: string;
}

/** A page of the tool `list_tasks`. */
const taskPageSchema = z.object({
  tasks: z.array(z.object({ key: z.string(), title: z.string() })),
  next: z.string().optional(),
});

/** Limit of pages that are read of an agent's tasks: 20, a few thousand. */
const MAX_PAGES = 20;

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
    ...[planeStep, adminStep, adminProfileStep, workspaceStep],
    ...humans.map(createAccountStep),
    ...agents.map(createAccountStep),
    createRolesStep(agents),
    createApiKeyStep(groundcrewKey, [owner?.step ?? "workspace"], "groundcrew's API key"),
    ...settings.agents.map((agent) =>
      createApiKeyStep(toAgentKey(agent), [toAgentAccount(agent).step], `API key ${agent.name}`),
    ),
    projectStep,
    // First of all the members: what follows needs Groundcrew's own account among them.
    createProjectMembersStep([...admins, humanAccount, ...agents]),
    createAgentProjectsStep(agents),
    ...[statesStep, labelsStep, createSampleTasksStep(owners.map(({ step }) => step)), sampleProjectStep, telegramStep],
    ...settings.agents.map(({ name }) => createBridgeTokenStep(name)),
    ...[adminTokenStep, agentsFileStep, connectionStep, skillStep, hookTokenStep, openclawStep],
    // Last, because Plane switches a webhook off whose deliveries fail.
    webhookStep,
  ];
}

/**
 * What provision does for this agent, which the settings have already; `file` names it. The settings file comes after
 * the token and the key, so that a running Groundcrew does not meet an agent that it cannot work with.
 */
export function createAddSteps(agent: ProvisionedAgent, file: SettingsFile): ProvisionStep[] {
  const account = toAgentAccount(agent);
  return [
    ...[planeStep, adminStep, workspaceStep, createAccountStep(account), createRolesStep([account])],
    createApiKeyStep(toAgentKey(agent), [account.step], `API key ${agent.name}`),
    createProjectMembersStep([account]),
    createAgentProjectsStep([account]),
    labelsStep,
    createBridgeTokenStep(agent.name),
    ...[createFileStep("settings file", file), connectionStep, hookTokenStep, openclawStep],
  ];
}

/**
 * Takes back what provision has made for an agent that the settings no longer have: its tokens, its key, its place in
 * OpenClaw's settings and in the workspace, and at last its entry in the settings file.
 */
export function createRemoveSteps(
  settings: ProvisionSettings,
  agent: ProvisionedAgent,
  file: SettingsFile,
): ProvisionStep[] {
  const { name, email } = agent;
  const key = toAgentKey(agent);
  const tokenSetting = getBridgeTokenSetting(name);
  const accountStep = `account ${name}`;
  return [
    planeStep,
    adminStep,
    createStep(`API key ${name}`, ["administrator"], async (context) => {
      const { vault, sessions } = context;
      if (vault.isFromEnvironment(key.name)) return `${key.name} is in the environment: remove it there and in Plane`;
      if (vault.getFirstValue(key.name) === undefined) return "none";
      return change(`delete ${key.name}, here and in Plane`, async () => {
        const session = await sessions.signIn(email);
        // First here, so that a running Groundcrew never uses a deleted one.
        await vault.storeValues(key.name, []);
        await deleteOldTokens(context, session, key, []);
      });
    }),
    createStep(`bridge token ${name}`, [], async ({ vault, disk }) => {
      if (vault.isFromEnvironment(tokenSetting)) return `${tokenSetting} is in the environment: remove it there`;
      if (vault.getFirstValue(tokenSetting) === undefined) return "none";
      const path = getBridgeTokenPath(settings.secretsFile, name);
      return change(`revoke it and empty ${path}`, async () => {
        await vault.storeValues(tokenSetting, []);
        await disk.write(path, "", 0o600);
      });
    }),
    openclawStep,
    // After the key, which its own session deletes.
    createAccountRemovalStep({ step: accountStep, email }),
    // The last one, so that a run that was interrupted or failed can be repeated: the agent is still known.
    createFileStep("settings file", file, [openclawStep.name, accountStep], async (context) => {
      const tasks = await describeOpenTasks(context, settings, name);
      return `${file.path} without ${name}; its open tasks: ${tasks}`;
    }),
  ];
}

/** The agent's open tasks, which keep their assignee, by what the running Groundcrew tells the Concierge. */
async function describeOpenTasks(context: ProvisionContext, { agents, address }: ProvisionSettings, name: string) {
  const concierge = agents.find(({ role }) => role === "concierge")?.name ?? "";
  const token = await context.vault.readBridgeToken(concierge);
  if (token === undefined) return "unknown: the Concierge's token is missing";
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  const found: string[] = [];
  try {
    let after: string | undefined;
    for (let page = 0; page < MAX_PAGES; page += 1) {
      const body = JSON.stringify({ agent: name, status: "open", after });
      const request = { method: "POST", headers, body, redirect: "manual" } as const;
      const response = await context.fetch(`${address}/agent/list_tasks`, request);
      if (!response.ok) return `unknown: Groundcrew at ${address} answered ${response.status}`;
      const { tasks, next } = taskPageSchema.parse(await response.json());
      found.push(...tasks.map(({ key, title }) => `${key} ${title}`));
      after = next;
      if (after === undefined) break;
    }
  } catch (thrown) {
    return `unknown: Groundcrew at ${address} does not answer (${getErrorMessage(thrown)})`;
  }
  if (found.length === 0) return "none";
  return `${found.length} stay assigned in Plane, for others to take: ${found.join("; ")}`;
}

function toAgentAccount({ name, email, role }: ProvisionedAgent): AccountSpec {
  const planeRole = role === "concierge" ? ADMIN_ROLE : MEMBER_ROLE;
  return { step: `account ${name}`, email, name, role: planeRole, isHuman: false };
}

function toAgentKey({ name, email }: ProvisionedAgent): ApiKeySpec {
  return { name: `${OWN_KEY_SETTING}_${toSettingName(name)}`, email, label: `groundcrew ${name}` };
}

function toOwnKey(settings: ProvisionSettings): ApiKeySpec {
  return { name: OWN_KEY_SETTING, email: getOwnEmail(settings), label: "groundcrew" };
}
