import type { PageTextTable } from "../texts-script.ts";

export type PageLanguage = keyof PageTextTable;
export type TextName = keyof PageTextTable["en"];

/** What fills the places of a text. */
export type TextValues = Readonly<Record<string, string | number | undefined>>;

/** The task whose decisions alone are shown. */
export interface ChosenTask {
  id: string;
  key: string;
}

/** A part of the page that is fetched anew with every change. */
export interface PagePart {
  /** Of the element that also shows what went wrong. */
  id: string;
  load: () => Promise<void>;
}

/** Attributes, and listeners under names that begin with "on". What is undefined or false is left out. */
export type ElementProps = Readonly<
  Record<string, string | number | boolean | undefined | ((event: Event) => unknown)>
>;

type ElementLeaf = Node | string | false | null | undefined;
export type ElementChild = ElementLeaf | ElementLeaf[];

/** The elements of the page's frame that are more than any element. */
interface FrameElements {
  "agent-token-value": HTMLInputElement;
  language: HTMLSelectElement;
  projects: HTMLSelectElement;
  "say-text": HTMLInputElement;
  token: HTMLInputElement;
}

export type ElementOf<Id extends string> = Id extends keyof FrameElements ? FrameElements[Id] : HTMLElement;
