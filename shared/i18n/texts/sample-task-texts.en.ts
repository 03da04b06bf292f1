import type { SampleTaskTexts } from "./sample-task-texts.ts";

export const sampleTaskTextsEn: SampleTaskTexts = {
  hello: {
    title: "Introduce the team",
    text: "Write a comment of five lines that lists the members of this workspace and what each of them is good at. This task shows how a task is claimed, worked on and completed.",
  },
  report: {
    title: "Write a page on how we work",
    text: "Based on the introduction, write half a page on how tasks move across this board, and attach it as a Markdown file. This task is blocked until the introduction is done.",
  },
  look: {
    title: "Review the work of the team",
    text: "Read the comment and the page, reply with a comment, and move this task to Done. You can then delete these three tasks; they are not created again.",
  },
};
