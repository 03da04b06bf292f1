import type { Log } from "../../shared/log.ts";
import type { Ms } from "../../shared/time.ts";
import type { GitStateReader } from "./git-state.ts";
import type { RecordStore } from "./record-store.ts";
import type { RunnerSettings } from "./runner-settings.ts";
import type { SessionFolders } from "./session-folder.ts";
import type { Tmux } from "./tmux.ts";
import type { Worktrees } from "./worktrees.ts";

/** What every step of the runner uses. */
export interface RunnerContext {
  settings: RunnerSettings;
  /** The runner's own environment, of which sessions and hooks receive a part. */
  env: Record<string, string | undefined>;
  folders: SessionFolders;
  records: RecordStore;
  tmux: Tmux;
  worktrees: Worktrees;
  gitStates: GitStateReader;
  clock: () => Ms;
  log: Log;
}
