import { settingName } from "../../shared/config/file.ts";
import type { ProvisionSettings } from "../../shared/config/provision-settings.ts";
import type { Step } from "./step.ts";
import { account, type Person } from "./steps/account.ts";
import { admin } from "./steps/admin.ts";
import { apiKey } from "./steps/api-key.ts";
import { labels, members, states } from "./steps/board.ts";
import { bridgeToken } from "./steps/bridge-token.ts";
import { adminToken, agentsFile, skill, telegram } from "./steps/local.ts";
import { plane } from "./steps/plane.ts";
import { adminProfile } from "./steps/profile.ts";
import { project } from "./steps/project.ts";
import { OWN_KEY } from "./steps/reading.ts";
import { retireBridgeToken, retireKey, retireSecret } from "./steps/retire.ts";
import { roles } from "./steps/roles.ts";
import { rotateBridgeToken, rotateKey, rotateWebhook } from "./steps/rotate.ts";
import { tasks } from "./steps/tasks.ts";
import { WEBHOOK_SECRET, webhook } from "./steps/webhook.ts";
import { workspace } from "./steps/workspace.ts";
import type { Key } from "./tokens.ts";

const ADMIN = 20;
const MEMBER = 15;

/** What is asked for: everything brought in line, or secrets replaced, or the end of the overlap after that. */
export type Task = { kind: "provision" } | { kind: "rotate"; what: string } | { kind: "retire" };

/** The steps for this task, in their order; undefined for a rotation of something that is not known. */
export function stepsFor(task: Task, settings: ProvisionSettings): Step[] | undefined {
  if (task.kind === "provision") return everything(settings);
  const keys = [ownKey(settings), ...settings.agents.map(keyOf)];
  const start = [plane, admin];
  if (task.kind === "retire")
    return [
      ...start,
      ...keys.map(retireKey),
      ...settings.agents.map(({ name }) => retireBridgeToken(name)),
      retireSecret(WEBHOOK_SECRET),
    ];
  const all = task.what === "all";
  const agents = settings.agents.filter(({ name }) => all || name.toLowerCase() === task.what.toLowerCase());
  const steps = [
    ...(all || task.what === "groundcrew" ? [rotateKey(ownKey(settings))] : []),
    ...agents.flatMap((agent) => [rotateKey(keyOf(agent)), rotateBridgeToken(agent.name)]),
    ...(all || task.what === "webhook" ? [rotateWebhook] : []),
  ];
  return steps.length > 0 ? [...start, ...steps] : undefined;
}

/** What `--rotate` takes. */
export function rotatable({ agents }: ProvisionSettings): string[] {
  return [...agents.map(({ name }) => name), "groundcrew", "webhook", "all"];
}

function everything(settings: ProvisionSettings): Step[] {
  const agents = settings.agents.map(personOf);
  const human: Person = {
    step: "human",
    email: settings.human.email,
    name: settings.human.name,
    lastName: "",
    role: settings.human.role === "admin" ? ADMIN : MEMBER,
    isHuman: true,
  };
  const isAdmin = settings.human.email.toLowerCase() === settings.admin.email.toLowerCase();
  const own = ownKey(settings);
  const owner = agents.find(({ email }) => email === own.email);
  const everybody = [
    ...(isAdmin ? [] : [{ email: settings.admin.email, name: settings.admin.name, role: ADMIN }]),
    human,
    ...agents,
  ];
  const workers = settings.agents.filter(({ role }) => role !== "concierge").slice(0, 2);
  const owners = [...workers.map((worker) => personOf(worker).step), ...(isAdmin ? [] : [human.step])];
  return [
    plane,
    admin,
    adminProfile,
    workspace,
    ...(isAdmin ? [] : [account(human)]),
    ...agents.map(account),
    roles(agents),
    apiKey(own, [owner?.step ?? "workspace"], "groundcrew's API key"),
    ...settings.agents.map((agent) => apiKey(keyOf(agent), [personOf(agent).step], `API key ${agent.name}`)),
    webhook,
    project,
    states,
    labels,
    members(everybody),
    tasks(owners),
    telegram,
    ...settings.agents.map(({ name }) => bridgeToken(name)),
    adminToken,
    agentsFile,
    skill,
  ];
}

type Agent = ProvisionSettings["agents"][number];

function personOf({ name, email, role }: Agent): Person {
  return {
    step: `account ${name}`,
    email,
    name,
    lastName: "Agent",
    role: role === "concierge" ? ADMIN : MEMBER,
    isHuman: false,
  };
}

function keyOf({ name, email }: Agent): Key {
  return { name: `${OWN_KEY}_${settingName(name)}`, email, label: `groundcrew ${name}` };
}

/** Groundcrew works as the Concierge, with a key of its own: what it writes is the team's, not the human's. */
function ownKey({ agents, admin: { email } }: ProvisionSettings): Key {
  const concierge = agents.find(({ role }) => role === "concierge");
  return { name: OWN_KEY, email: concierge?.email ?? email, label: "groundcrew" };
}
