/** Title and description of each sample task that provisioning creates. */
export type SampleTaskTexts = Record<"hello" | "report" | "look", { title: string; text: string }>;
