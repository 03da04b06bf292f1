/** Steps that add one agent to an installation, and steps that take it back. */

import { z } from "zod";
import type { ProvisionSettings } from "../../../shared/config/provision-settings.ts";
import { getErrorMessage } from "../../../shared/errors.ts";
import type { ProvisionContext } from "../context.ts";
import { getBridgeTokenPath, getBridgeTokenSetting } from "../files.ts";
import { change, createStep, type ProvisionStep } from "../step.ts";
import { createAccountRemovalStep, createAccountStep, createRolesStep } from "./accounts.ts";
import { connectionStep, createFileStep, hookTokenStep, openclawStep } from "./local.ts";
import { labelsStep } from "./project.ts";
import { createAgentProjectsStep, createProjectMembersStep } from "./project-members.ts";
import { type ProvisionedAgent, toAgentAccount, toAgentKey, toOwnKey } from "./provision-steps.ts";
import { createApiKeyStep, createBridgeTokenStep, deleteOldTokens } from "./tokens.ts";
import { adminStep, planeStep, workspaceStep } from "./workspace.ts";

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

/**
 * What provision does for this agent, which the settings have already; `file` names it. The settings file comes after
 * the token and the key, so that a running Groundcrew does not meet an agent that it cannot work with.
 */
export function createAddSteps(
  settings: ProvisionSettings,
  agent: ProvisionedAgent,
  file: SettingsFile,
): ProvisionStep[] {
  const account = toAgentAccount(agent);
  const ownEmail = toOwnKey(settings).email;
  return [
    planeStep,
    adminStep,
    workspaceStep,
    createAccountStep(account),
    createRolesStep([account]),
    createApiKeyStep(toAgentKey(agent), [account.step], `API key ${agent.name}`),
    createProjectMembersStep([account], ownEmail),
    createAgentProjectsStep([account], ownEmail),
    labelsStep,
    createBridgeTokenStep(agent.name),
    createFileStep("settings file", file),
    connectionStep,
    hookTokenStep,
    openclawStep,
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
      if (vault.isFromEnvironment(key.name)) return [`${key.name} is in the environment: remove it there and in Plane`];
      if (vault.getFirstValue(key.name) === undefined) return ["none"];
      return [
        change(`delete ${key.name}, here and in Plane`, async () => {
          const session = await sessions.signIn(email);
          // First here, so that a running Groundcrew never uses a deleted one.
          await vault.storeValues(key.name, []);
          await deleteOldTokens(context, session, key, []);
        }),
      ];
    }),
    createStep(`bridge token ${name}`, [], async ({ vault, disk }) => {
      if (vault.isFromEnvironment(tokenSetting)) return [`${tokenSetting} is in the environment: remove it there`];
      if (vault.getFirstValue(tokenSetting) === undefined) return ["none"];
      const path = getBridgeTokenPath(settings.secretsFile, name);
      return [
        change(`revoke it and empty ${path}`, async () => {
          await vault.storeValues(tokenSetting, []);
          await disk.write(path, "", 0o600);
        }),
      ];
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
async function describeOpenTasks(context: ProvisionContext, settings: ProvisionSettings, name: string) {
  const concierge = settings.agents.find(({ role }) => role === "concierge")?.name ?? "";
  const token = await context.vault.readBridgeToken(concierge);
  if (token === undefined) return "unknown: the Concierge's token is missing";
  const found: string[] = [];
  try {
    let after: string | undefined;
    for (let page = 0; page < MAX_PAGES; page += 1) {
      const response = await context.fetch(`${settings.address}/agent/list_tasks`, {
        method: "POST",
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
        body: JSON.stringify({ agent: name, status: "open", after }),
        redirect: "manual",
      });
      if (!response.ok) return `unknown: Groundcrew at ${settings.address} answered ${response.status}`;
      const { tasks, next } = taskPageSchema.parse(await response.json());
      found.push(...tasks.map(({ key, title }) => `${key} ${title}`));
      after = next;
      if (after === undefined) break;
    }
  } catch (thrown) {
    return `unknown: Groundcrew at ${settings.address} does not answer (${getErrorMessage(thrown)})`;
  }
  return found.length === 0
    ? "none"
    : `${found.length} stay assigned in Plane, for others to take: ${found.join("; ")}`;
}
