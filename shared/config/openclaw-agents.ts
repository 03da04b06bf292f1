import { type AgentSettings, toSettingName } from "./settings-file.ts";

/** An agent's id in OpenClaw: `wake.agent`, or its name in lower case. */
export function getOpenclawId({ name, wake }: Pick<AgentSettings, "name" | "wake">): string {
  return ("agent" in wake ? wake.agent : undefined) ?? name.toLowerCase();
}

/** Name of the agent's own MCP entry in OpenClaw; no two agents have the same, because their setting names differ. */
export function getMcpEntryName(agent: string): string {
  return `groundcrew-${toSettingName(agent).toLowerCase().replaceAll("_", "-")}`;
}

/** The variable with the agent's bridge token in the environment of OpenClaw's gateway. */
export function getOpenclawTokenVariable(agent: string): string {
  return `GROUNDCREW_TOKEN_${toSettingName(agent)}`;
}
