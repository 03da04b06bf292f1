/** The driver of Codex: an app-server for each session, with which the runner speaks, and its terminal beside it. */

import { fileURLToPath } from "node:url";
import type { Log } from "../../../shared/log.ts";
import { getProductFile } from "../../node/files.ts";
import { createEmptyView, wrapInBox } from "../box.ts";
import { buildSentBack, type DriverContext, findProgram, type SessionDriver } from "../driver.ts";
import type { ExchangeClient } from "../exchange-client.ts";
import { isBoxed } from "../session-folder.ts";
import { GROUNDCREW_TOOLS, MCP_SERVER, TOKEN_VARIABLE } from "../session-processes.ts";
import { toKeyArguments } from "../tmux.ts";
import {
  createCodexBoxAdapter,
  createCodexHome,
  createTerminalHome,
  findNativeProgram,
  getListeningFolders,
  SOCKET_IN_BOX,
} from "./codex-box.ts";
import { type CodexSession, createCodexSession, findThread } from "./codex-session.ts";
import { createHookReporter } from "./requests.ts";

const HOST = fileURLToPath(getProductFile("runtime/runner/codex/session-host.js"));

/** Stands for the id of the thread, which is not known at the start. */
const THREAD_PLACE = "{thread}";

/** Variables that commands of a session do not receive. */
const HIDDEN_VARIABLES = ["*TOKEN*", "*KEY*", "*SECRET*", "*PASSWORD*"];

/** Creates the driver of Codex. */
export function createCodexDriver(client: Pick<ExchangeClient, "postHook">, log: Log): SessionDriver {
  const reporter = createHookReporter(client, log);
  const sessions = new Map<string, CodexSession>();
  const adaptBox = createCodexBoxAdapter();

  function getSession(context: DriverContext, ticket: string): CodexSession {
    const session = sessions.get(ticket) ?? createCodexSession(context, ticket, reporter);
    sessions.set(ticket, session);
    return session;
  }

  const getProgram: SessionDriver["getProgram"] = ({ settings: { codexBin } }) => {
    return [codexBin, "CODEX_BIN to the path of Codex"];
  };

  return {
    name: "Codex",
    environment: "codex",
    getProgram,
    prepare({ program, record, paths, groundcrewUrl, env }) {
      const untrusted = `{trust_level="untrusted"}`;
      const server = [
        `url=${JSON.stringify(`${groundcrewUrl}/mcp`)}`,
        `bearer_token_env_var="${TOKEN_VARIABLE}"`,
        `enabled_tools=${JSON.stringify(GROUNDCREW_TOOLS)}`,
        'default_tools_approval_mode="approve"',
      ];
      const options = [
        // Else the first thread would write into the user's configuration that the repository is trusted.
        `projects={${JSON.stringify(record.repository)}=${untrusted},${JSON.stringify(record.worktree)}=${untrusted}}`,
        `mcp_servers.${MCP_SERVER}={${server.join(",")}}`,
        `shell_environment_policy.exclude=${JSON.stringify(HIDDEN_VARIABLES)}`,
        ...["check_for_update_on_startup=false", "features.default_mode_request_user_input=true"],
        // Else a model that cannot be reached is tried for ever.
        "features.unbounded_connection_retries=false",
      ];
      const args = ["app-server", "--listen", `unix://${isBoxed(paths) ? SOCKET_IN_BOX : paths.socket}`];
      const own = isBoxed(paths) ? findNativeProgram(program) : program;
      return { program: own, args: [...args, ...options.flatMap((option) => ["-c", option])], env };
    },
    host(server, { program, paths, policy }, { env }, box) {
      const { socket, thread, log: logFile, folder } = paths;
      const args = ["resume", THREAD_PLACE, "--remote", `unix://${box ? SOCKET_IN_BOX : socket}`];
      const options = ["--no-alt-screen", "-c", "check_for_update_on_startup=false"];
      const terminal = { program, args: [...args, ...options], env: server.env };
      // It is in a box with nothing but its home, and sees nothing that the session writes.
      const home = box && createTerminalHome(env, folder);
      const shown = home
        ? wrapInBox(
            box,
            { ...terminal, program: findNativeProgram(program) },
            {
              ...createEmptyView(home.folder),
              readable: policy?.readable ?? [],
              placed: [...home.placed, [socket, SOCKET_IN_BOX]],
            },
          )
        : terminal;
      const parts = {
        ...{ server: [server.program, ...server.args], terminal: [shown.program, ...shown.args] },
        ...{ socket, thread, log: logFile, terminalEnv: home ? { CODEX_HOME: home.folder } : {} },
        ...(home ? { listening: getListeningFolders(folder) } : {}),
      };
      return { ...server, program: process.execPath, args: [HOST, JSON.stringify(parts)] };
    },
    hasBegun: (paths) => findThread(paths) !== undefined,
    isReady: (context, ticket) => getSession(context, ticket).isReady(),
    attend: (context, record, desired) => getSession(context, record.ticket).attend(record, desired),
    observe: (context, record, _screen, isLive) => getSession(context, record.ticket).read(record, isLive),
    interruptKey: "Escape",
    async send(context, ticket, { id, kind, text, mark }) {
      const { tmux, records } = context;
      const session = getSession(context, ticket);
      if (kind === "keys") return tmux.pressKeys(ticket, toKeyArguments(text), mark);
      const toSentBack = () => buildSentBack(records.get(ticket), ticket, records.getPaths(ticket), text);
      if (kind === "interrupt") await session.interrupt();
      else await session.sendText(id, kind === "paste" ? toSentBack() : text);
      await tmux.storeMark(mark);
    },
    async requestExit(context, ticket) {
      await getSession(context, ticket)
        .interrupt()
        .catch(() => undefined);
      await context.tmux.signalProgram(ticket, "SIGTERM");
    },
    // A second server is refused: Codex locks its threads.
    readConversation: findThread,
    createHome: createCodexHome,
    adaptBox: async (box, context) => adaptBox(findProgram({ getProgram }, context), box, context),
    forget(ticket) {
      sessions.get(ticket)?.forget();
      sessions.delete(ticket);
    },
  };
}
