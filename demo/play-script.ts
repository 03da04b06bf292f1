import { SCENES, type Stage } from "./scenes.ts";
import type { createScriptedAgent } from "./scripted-agent.ts";
import type { createStory } from "./story.ts";

type ScriptedAgent = ReturnType<typeof createScriptedAgent>;

interface ScriptOptions {
  stage: Stage;
  agents: readonly ScriptedAgent[];
  story: ReturnType<typeof createStory>;
  /** Duration of a step in milliseconds. */
  pace: number;
  wait: (ms: number) => Promise<void>;
  stopping: AbortSignal;
}

/**
 * Plays all scenes while the agents work. Resolves when the last scene is over and no agent has a task left; the agents
 * keep working on tasks that are added later, until `stopping` is aborted.
 */
export async function playScript(options: ScriptOptions): Promise<void> {
  let isPlayed = false;
  const sceneRun = playScenes(options).finally(() => {
    isPlayed = true;
  });
  await Promise.all([sceneRun, ...options.agents.map((agent) => runAgent(agent, options, () => isPlayed))]);
}

async function playScenes({ stage, story, pace, wait, stopping }: ScriptOptions): Promise<void> {
  await wait(pace);
  for (const scene of SCENES) {
    if (stopping.aborted) return;
    story.narrate("Plane", scene.title);
    scene.play(stage);
    await wait(pace * 3);
  }
}

/** Resolves when the scenes are over and the agent has no task. The agent keeps working on tasks that are added later. */
function runAgent(agent: ScriptedAgent, { pace, wait, stopping }: ScriptOptions, isOver: () => boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    async function loop() {
      await wait(pace);
      while (!stopping.aborted) {
        const hasWorked = await agent.workNextTask();
        if (!hasWorked && isOver()) resolve();
        await wait(pace);
      }
      resolve();
    }
    loop().catch(reject);
  });
}
