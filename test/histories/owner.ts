/** How the owner of a table of some make writes: words, deadlines and whole items, as this table has them. */
import { type AttributeValue, CreateTableCommand } from '@aws-sdk/client-dynamodb';
import { SECOND_MS } from '../../functions/core/hold-time.ts';
import type { Item } from '../../functions/table/item.ts';
import { BOOKINGS, type TableOfAMake } from '../support/five-tables.ts';
import { storedKey } from '../support/open-table.ts';
import { type ModelRules, OUR_RULES } from './model.ts';

/** Whether it is the table of this service's own store. The others' owners use the client. */
export const isOurs = (make: TableOfAMake): boolean => make.name === BOOKINGS.name;

export const rulesOf = (make: TableOfAMake): ModelRules => {
  const { paid, cancelled, shape } = make;
  const unitMs = shape.deadline.unit === 'seconds' ? SECOND_MS : 1;
  return isOurs(make) ? OUR_RULES : { paid, cancelled, unitMs, isOwners: true };
};

/** The table's own word for one of ours; of several pending words the nth. A word that is none of ours stays as it is. */
export const wordOf = ({ shape: { status }, paid, cancelled }: TableOfAMake, ours: string, nth = 0): string => {
  const words = new Map([
    ['PENDING', status.pending[Math.abs(nth) % status.pending.length] ?? ''],
    ['EXPIRED', status.expired],
    ['CONFIRMED', paid],
    ['CANCELLED', cancelled],
  ]);
  return words.get(ours) ?? ours;
};

/** What the model calls a word of the table. */
export const modelWord = ({ shape: { status } }: TableOfAMake, word: string): string => {
  if (status.pending.includes(word)) return 'PENDING';
  if (word === status.expired) return 'EXPIRED';
  return word === 'PENDING' || word === 'EXPIRED' ? `the owner’s ${word}` : word;
};

/** Ways to write the same instant as text. */
const OFFSETS = [
  { text: 'Z', minutes: 0 },
  { text: '+02:00', minutes: 120 },
  { text: '-09:30', minutes: -570 },
  { text: 'z', minutes: 0 },
];

/** A deadline as its owner may write it, with a fraction of a millisecond or without: `.5`. */
export const deadlineAttribute = (
  { shape: { deadline } }: TableOfAMake,
  wholeMs: number,
  fraction = '',
): Item[string] => {
  const digits = fraction.replace('.', '');
  switch (deadline.unit) {
    case 'milliseconds':
      return { N: `${wholeMs}${fraction}` };
    case 'seconds': {
      const behind = `${String(wholeMs % SECOND_MS).padStart(3, '0')}${digits}`.replace(/0+$/, '');
      return { N: `${Math.floor(wholeMs / SECOND_MS)}${behind === '' ? '' : `.${behind}`}` };
    }
    case 'iso8601': {
      const { text, minutes } = OFFSETS[wholeMs % OFFSETS.length] ?? { text: 'Z', minutes: 0 };
      return { S: `${new Date(wholeMs + minutes * 60_000).toISOString().slice(0, -1)}${digits}${text}` };
    }
  }
};

/** Deadlines that nobody may act on. Where the index goes by the deadline, DynamoDB takes numbers only. */
export const unusableDeadlines = ({ shape: { deadline } }: TableOfAMake): AttributeValue[] => {
  const N = (digits: string): AttributeValue => ({ N: digits });
  const S = (text: string): AttributeValue => ({ S: text });
  switch (deadline.unit) {
    case 'milliseconds':
      return ['0', '-1', '1800000060', '999999999999.9999', '100000000000000.1', '1'.repeat(38), '1E-130'].map(N);
    case 'seconds':
      return [
        ...['0', '-1', '1800000060000', '999999999.9999', '100000000000.1', '1'.repeat(38), '1E-130'].map(N),
        ...['1800000060', '2027-01-15T08:01:00Z', ''].map(S),
        { BOOL: true },
      ];
    case 'iso8601':
      return [
        ...['2027-01-15T08:01:00', '2027-02-30T08:01:00Z', '2027-01-15', 'tomorrow', '1800000060', ''].map(S),
        ...['1800000060', '1800000060000'].map(N),
        { NULL: true },
      ];
  }
};

/** A held item of which its owner says nothing about the hold but its word and its deadline. */
export const bareItem = (make: TableOfAMake, name: string, wholeMs: number): Item => {
  const { shape, others } = make;
  return {
    ...others,
    ...storedKey(make, name),
    [shape.status.attribute]: { S: wordOf(make, 'PENDING', wholeMs) },
    [shape.deadline.attribute]: deadlineAttribute(make, wholeMs),
  };
};

/** Names of what the service adds to an item of its own accord. */
export const serviceNames = ({ shape: { attributes, deadline } }: TableOfAMake): string[] =>
  Object.values<string>({ ...attributes }).filter((name) => name !== deadline.attribute);

/** An item without what the service added. */
export const withoutServices = (make: TableOfAMake, item: Item): Item => {
  const names = serviceNames(make);
  return Object.fromEntries(Object.entries(item).filter(([name]) => !names.includes(name)));
};

/** The sweep's own table, as the template has it. */
export const createStateTable = (TableName: string): CreateTableCommand =>
  new CreateTableCommand({
    TableName,
    BillingMode: 'PAY_PER_REQUEST',
    KeySchema: [{ AttributeName: 'stateId', KeyType: 'HASH' }],
    AttributeDefinitions: [{ AttributeName: 'stateId', AttributeType: 'S' }],
  });
