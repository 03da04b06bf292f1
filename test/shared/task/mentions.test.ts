import { expect, test } from "vitest";
import { findMentionedUsers } from "../../../shared/sync/observe-item.ts";

const ID = "08f6126c-2c38-44aa-8fa6-37d8c533e5dc";

test.each([
  [`<mention-component entity_identifier="${ID}" entity_name="user_mention"></mention-component>`, [ID]],
  [`<mention-component entity_name='user_mention' id="1" entity_identifier='${ID}'>`, [ID]],
  [`<MENTION-COMPONENT entity_identifier="${ID.toUpperCase()}"/>`, [ID]],
  [
    `<p><mention-component entity_identifier="${ID}"></mention-component> ${`<mention-component entity_identifier="${ID}">`}`,
    [ID],
  ],
  [`<mention-component entity_identifier="${ID}" entity_name="issue_mention"></mention-component>`, []],
  ['<mention-component entity_identifier="x" entity_name="user_mention"></mention-component>', []],
  [`&lt;mention-component entity_identifier="${ID}"&gt;`, []],
  [`@Imhotep ${ID}`, []],
])("the mentioned users of %j are %j", (html, ids) => {
  expect(findMentionedUsers(html)).toEqual(ids);
});

test("the time for many unclosed mentions grows with their number only", () => {
  expect(findMentionedUsers("<mention-component ".repeat(50_000))).toEqual([]);
});
