/**
 * What an agent of OpenClaw can reach with its tools: another agent's identity, the gateway's settings, another agent's
 * session. Judged by OpenClaw's settings, and by the tools that a running gateway offers the agent.
 */

import { z } from "zod";
import { keepDefined } from "../../shared/omit-undefined.ts";

export const toolPolicySchema = z.looseObject({
  profile: z.string().optional(),
  allow: z.array(z.string()).optional(),
  alsoAllow: z.array(z.string()).optional(),
  deny: z.array(z.string()).optional(),
  fs: z.looseObject({ workspaceOnly: z.boolean().optional() }).optional(),
});

type ToolPolicy = z.output<typeof toolPolicySchema>;

export const sandboxSchema = z.looseObject({ mode: z.string().optional(), scope: z.string().optional() });

/** How an agent's tools are confined. */
export interface AgentConfinement {
  /** The policies that apply to it, the gateway's first. */
  policies: readonly ToolPolicy[];
  /** Every run is in a container that no other agent uses. */
  isSandboxed: boolean;
}

/** A way to what is another's, and the tools that lead there. */
interface Reach {
  subject: string;
  tools: readonly string[];
  /** Harmless in a sandbox. */
  isConfined?: true;
  /** Harmless where tools for files see the workspace only. */
  isFileAccess?: true;
}

/** What no agent of a shared gateway may reach, by the tools of 2026.2 and 2026.9. */
const REACHES: readonly Reach[] = [
  {
    subject: "the tokens of other agents",
    tools: ["exec", "process", "bash", "code_execution"],
    isConfined: true,
  },
  {
    subject: "files outside its workspace",
    tools: ["read", "write", "edit", "apply_patch", "view_image", "image", "pdf"],
    isConfined: true,
    isFileAccess: true,
  },
  { subject: "the gateway's machine", tools: ["terminal", "browser", "computer", "nodes"] },
  { subject: "the gateway's settings", tools: ["gateway", "openclaw", "plugins"] },
  {
    subject: "other agents' sessions",
    tools: [
      ...["sessions", "sessions_list", "sessions_history", "sessions_search", "sessions_send", "sessions_spawn"],
      ...["conversations_list", "conversations_send", "conversations_turn", "subagents", "automations", "cron"],
    ],
  },
];

/** OpenClaw's groups of tools, as far as they contain any of these. */
const GROUPS: Record<string, readonly string[]> = {
  runtime: ["exec", "process", "bash", "code_execution"],
  fs: ["read", "write", "edit", "apply_patch"],
  sessions: [
    ...["sessions", "sessions_list", "sessions_history", "sessions_search", "sessions_send", "sessions_spawn"],
    ...["conversations_list", "conversations_send", "conversations_turn", "subagents"],
  ],
  ui: ["browser", "terminal"],
  automation: ["automations", "cron", "gateway", "plugins", "openclaw"],
  nodes: ["nodes", "computer"],
  media: ["view_image", "image", "pdf"],
};

/** What OpenClaw's profiles contain. Their `gateway` only updates, so it is not counted. */
const PROFILES: Record<string, readonly string[]> = {
  minimal: [],
  coding: ["group:fs", "group:runtime", "group:sessions", "automations", "cron", "view_image"],
  messaging: ["group:sessions"],
};

/** Each subject that the agent can reach, with the tools that lead there: `the gateway's settings (gateway)`. */
export function listReaches({ policies, isSandboxed }: AgentConfinement): string[] {
  const isInWorkspace = policies.findLast(({ fs }) => fs?.workspaceOnly !== undefined)?.fs?.workspaceOnly === true;
  return keepDefined(
    REACHES.map(({ subject, tools, isConfined, isFileAccess }) => {
      if ((isConfined && isSandboxed) || (isFileAccess && isInWorkspace)) return undefined;
      const open = tools.filter((tool) => policies.every((policy) => isToolAllowed(policy, tool)));
      return open.length > 0 ? `${subject} (${open.join(", ")})` : undefined;
    }),
  );
}

/** The same by the tools that a running gateway offers. They are what remains of all policies that it knows. */
export function listOpenReaches(tools: readonly string[], { policies, isSandboxed }: AgentConfinement): string[] {
  const fs = policies.flatMap((policy) => (policy.fs ? [{ fs: policy.fs }] : []));
  return listReaches({ policies: [...fs, { allow: ["-", ...tools] }], isSandboxed });
}

/** Whether one policy leaves this tool. A list of allowed tools extends the profile of its own place. */
function isToolAllowed({ profile, allow = [], alsoAllow = [], deny = [] }: ToolPolicy, tool: string): boolean {
  if (matchesAny(deny, tool)) return false;
  const base = profile === undefined ? undefined : PROFILES[profile];
  const isInProfile = base === undefined || matchesAny([...base, ...alsoAllow], tool);
  return isInProfile && (allow.length === 0 || matchesAny(allow, tool));
}

function matchesAny(patterns: readonly string[], tool: string): boolean {
  return patterns.some((pattern) => {
    const group = /^group:(\w+)$/i.exec(pattern)?.[1]?.toLowerCase();
    if (group === undefined) return toPattern(pattern).test(tool);
    // `group:openclaw` has all built-in tools but those for files and commands.
    const isBuiltIn = !GROUPS["fs"]?.includes(tool) && !GROUPS["runtime"]?.includes(tool) && !tool.includes("__");
    return group === "openclaw" ? isBuiltIn : (GROUPS[group]?.includes(tool) ?? false);
  });
}

/** Whether any of a server's tools is left by these policies. Groups of plugins count as containing it. */
export function canReachServer(server: string, policies: readonly ToolPolicy[]): boolean {
  // Stands for all tools of the server: only a pattern for all of them matches it.
  const anyTool = `${server}__\u0000`.toLowerCase();
  return policies.every(({ allow = [], deny = [] }) => {
    if (deny.some((pattern) => toPattern(pattern).test(anyTool))) return false;
    const isPossiblyAllowed = (pattern: string) =>
      toPattern(pattern).test(anyTool) ||
      pattern.toLowerCase().startsWith(`${server}__`.toLowerCase()) ||
      /^(?:group:plugins|bundle-mcp)$/.test(pattern);
    return allow.length === 0 || allow.some(isPossiblyAllowed);
  });
}

/** A pattern of OpenClaw, in which `*` stands for any characters. */
function toPattern(pattern: string): RegExp {
  const parts = pattern.toLowerCase().split(/\*+/);
  return new RegExp(`^${parts.map((part) => part.replace(/[\\^$.|?*+()[\]{}]/g, "\\$&")).join("[^]*")}$`);
}
