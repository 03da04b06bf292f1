/** Plain JSON, which every engine returns exactly as it was stored. */
export type Json = string | number | boolean | null | Json[] | { [key: string]: Json | undefined };
