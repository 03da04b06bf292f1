/** Messages about a Plane that does not answer. `{since}` and `{until}` are times. */
export interface OutageTexts {
  away: string;
  /** `{duration}` is the time between the two. */
  back: string;
}
