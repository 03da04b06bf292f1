type Environment = Record<string, string>;

/** What programs need to find themselves, the user and the language. */
const BASE_NAMES = ["PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_ALL", "TZ", "TMPDIR", "XDG_CONFIG_HOME"];

/** What git needs to publish a branch from a hook. */
const HOOK_NAMES = ["SSH_AUTH_SOCK", "XDG_RUNTIME_DIR"];

/** What Claude needs to reach its model. Nothing of Plane, Telegram or Groundcrew's own tokens is among them. */
const CLAUDE_NAMES = [
  "ANTHROPIC_API_KEY",
  "ANTHROPIC_AUTH_TOKEN",
  "ANTHROPIC_BASE_URL",
  "ANTHROPIC_MODEL",
  "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC",
  "CLAUDE_CODE_OAUTH_TOKEN",
  "CLAUDE_CODE_USE_BEDROCK",
  "CLAUDE_CODE_USE_VERTEX",
  "CLAUDE_CONFIG_DIR",
  "HTTP_PROXY",
  "HTTPS_PROXY",
  "NO_PROXY",
  "NODE_EXTRA_CA_CERTS",
  "SSL_CERT_FILE",
];

/** Picks the variables that a kind of program receives. Everything else of the runner's environment stays with it. */
export function pickEnvironment(
  env: Record<string, string | undefined>,
  kind: "base" | "hook" | "claude",
): Environment {
  const names = [...BASE_NAMES, ...(kind === "hook" ? HOOK_NAMES : []), ...(kind === "claude" ? CLAUDE_NAMES : [])];
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = env[name];
      return value === undefined ? [] : [[name, value] as const];
    }),
  );
}
