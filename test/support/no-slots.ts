/** What an attribute `slotIds` may be in an item of a program that has never heard of slots. Such an item claims none. */

export interface NoSlots {
  readonly name: string;
  /** Plain, as the DocumentClient takes it; undefined for an item without the attribute. */
  readonly value: unknown;
  /** Whether only a look at the whole item tells that they are none: no condition can. */
  readonly looksLikeSlots?: true;
}

export const NO_SLOTS: readonly NoSlots[] = [
  { name: 'not there', value: undefined },
  { name: 'a text', value: 'table-7' },
  { name: 'a number', value: 7 },
  { name: 'true', value: true },
  { name: 'null', value: null },
  { name: 'a map', value: { first: 'table-7' } },
  { name: 'an empty list', value: [] },
  { name: 'a list of numbers', value: [7, 8] },
  { name: 'a list of lists', value: [['table-7']] },
  { name: '51 texts', value: Array.from({ length: 51 }, (_, index) => `table-${index}`) },
  { name: '200 texts', value: Array.from({ length: 200 }, (_, index) => `table-${index}`) },
  { name: 'one text twice', value: ['table-7', 'table-7'], looksLikeSlots: true },
  { name: 'a text and a number', value: ['table-7', 8], looksLikeSlots: true },
  { name: 'an empty text', value: [''], looksLikeSlots: true },
  { name: 'a text of 513 bytes', value: ['x'.repeat(513)], looksLikeSlots: true },
];
