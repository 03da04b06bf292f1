/**
 * A refusal as people read it: the name of its text in `RefusalTexts`, and the values of the text's placeholders. It is
 * stored in events, so its names keep their meaning.
 */
export interface Refusal {
  name: string;
  /** A `status` is one of the words `todo`, `in_progress` …, which is shown in the reader's language. */
  values?: Readonly<Record<string, string>>;
  /** Replaces `{reason}`. */
  reason?: Omit<Refusal, "reason">;
}
