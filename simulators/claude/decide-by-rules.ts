/** Rules and mode of a session, as Claude Code knows them. */
export interface Permissions {
  mode: string;
  allow: string[];
  ask: string[];
  deny: string[];
}

/** An entry of `updatedPermissions`, with which a hook changes them. */
interface PermissionUpdate {
  type: string;
  mode?: string;
  rules?: { toolName: string; ruleContent?: string }[];
}

/** Commands that run inside the worktree without asking in the mode `acceptEdits`. */
const EDITING = /^(?:touch|mkdir|rm|mv|cp|sed) /;

/** Characters with which a shell does more than the one command that a rule names. */
const SPECIAL = /[;&|<>$`\n]/;

/** Whether a command runs, is refused, or asks: deny counts before ask, ask before allow, and the mode last. */
export function decideByRules(command: string, { mode, allow, ask, deny }: Permissions): "allow" | "ask" | "deny" {
  const matches = (rules: readonly string[]) => rules.some((rule) => matchesRule(command, rule));
  if (matches(deny)) return "deny";
  if (mode === "bypassPermissions") return "allow";
  if (matches(ask)) return "ask";
  if (matches(allow) || (mode === "acceptEdits" && EDITING.test(command))) return "allow";
  return mode === "dontAsk" ? "deny" : "ask";
}

function matchesRule(command: string, rule: string): boolean {
  const [, scope] = /^Bash\((.*)\)$/s.exec(rule) ?? [];
  if (scope === undefined) return rule === "Bash";
  const prefix = scope.endsWith(":*") ? scope.slice(0, -2) : undefined;
  if (prefix === undefined) return command === scope;
  return !SPECIAL.test(command) && (command === prefix || command.startsWith(`${prefix} `));
}

/** Changes the rules and the mode as the answer of a hook says. */
export function applyPermissionUpdates(permissions: Permissions, updates: readonly PermissionUpdate[]): void {
  for (const { type, mode, rules = [] } of updates) {
    if (type === "setMode" && mode !== undefined) permissions.mode = mode;
    if (type !== "addRules") continue;
    const texts = rules.map(({ toolName, ruleContent }) =>
      ruleContent === undefined ? toolName : `${toolName}(${ruleContent})`,
    );
    permissions.allow.push(...texts);
  }
}
