/** Texts of the webhook check: its alerts in Telegram, and the work item and comment it edits in Plane. */
export interface CanaryTexts {
  silent: string;
  /** `{n}` is the number of seconds the webhook took. */
  back: string;
  itemName: string;
  /** HTML. */
  itemDescription: string;
  /** HTML. The webhook of the edit is recognized by `{nonce}`. */
  comment: string;
}
