import type { WakeTexts } from "./wake-texts.ts";

export const wakeTextsEn: WakeTexts = {
  silent:
    "⚠️ {agent} has not reacted to three wakes. Waiting: {tasks}. Check that the agent runs; Groundcrew wakes it again when new work arrives or once it calls.",
  idle: "⚠️ {agent} answers wakes but finishes none of its tasks. Waiting: {tasks}. Check the tasks, or assign them to another agent.",
  request: "a request",
};
