/** Items as strangers write them: anything that DynamoDB takes, and what must become of it. */
import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import fc from 'fast-check';
import { DAY_MS, MINUTE_MS, SECOND_MS } from '../../functions/core/hold-time.ts';
import { hasOwnIndexKey } from '../../functions/table/shape.ts';
import { BOOKINGS, type TableOfAMake } from '../support/five-tables.ts';
import { deadlineAttribute, isOurs, unusableDeadlines, wordOf } from './owner.ts';

/** An item, but for its id and its deadline. */
export interface StrangeItem {
  /** The deadline: so long from now, and these digits behind the point; or an attribute that nobody may act on; or none. */
  readonly deadline:
    | { readonly holdMs: number; readonly fraction: string }
    | { readonly unusable: AttributeValue }
    | 'none';
  readonly status: AttributeValue | 'none';
  readonly others: Readonly<Record<string, AttributeValue>>;
  /** Bytes that are left until DynamoDB takes no more of it; undefined for an item that is not filled up. */
  readonly bytesLeft: number | undefined;
  /** The copy of the deadline in ms, where the table has one: so much off the deadline, or these digits; or none. */
  readonly copy?: { readonly offMs: number } | { readonly digits: string } | undefined;
  /** An item of another kind, where the table has several: it says so, or it says nothing of its kind. */
  readonly kind?: 'another' | 'none' | undefined;
  /** So many bytes of details instead of others that it may have. */
  readonly detailsBytes?: number | undefined;
}

const S = (text: string): AttributeValue => ({ S: text });
const N = (digits: string): AttributeValue => ({ N: digits });

/** Numbers of every size that DynamoDB takes. */
const digits = fc.oneof(
  fc.integer({ min: -5, max: 210 }).map(String),
  fc.constantFrom('1'.repeat(38), '-1', '0.5', '1E+125', '1E-130', `${2 ** 53}`, '1800000000000000000', '1800000000'),
  fc.integer({ min: 1_799_999_000_000, max: 1_800_100_000_000 }).map(String),
  fc.bigInt({ min: 1n, max: 10n ** 37n }).map(String),
);
const oddText = fc.oneof(
  fc.string({ maxLength: 20 }),
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc.constantFrom('PENDING', 'EXPIRED', '\uffff', '\ufffe', '😀', '\0', '', '__proto__', 'x'.repeat(3_000)),
);
const names = fc.constantFrom(
  'constructor',
  'toString',
  'toJSON',
  '__proto__',
  'hasOwnProperty',
  'then',
  'valueOf',
  'length',
  'name',
);

/** Any attribute, nested a little. Sets are never empty: DynamoDB takes no empty ones. */
const attribute: fc.Arbitrary<AttributeValue> = fc.letrec<{ any: AttributeValue }>((tie) => ({
  any: fc.oneof(
    { depthSize: 'small' },
    oddText.map(S),
    digits.map(N),
    fc.boolean().map((BOOL) => ({ BOOL })),
    fc.constant({ NULL: true } as const),
    fc.uint8Array({ maxLength: 20 }).map((B) => ({ B })),
    fc.uniqueArray(fc.string({ minLength: 1, maxLength: 5 }), { minLength: 1, maxLength: 3 }).map((SS) => ({ SS })),
    fc.uniqueArray(fc.integer(), { minLength: 1, maxLength: 3 }).map((NS) => ({ NS: NS.map(String) })),
    fc
      .uniqueArray(fc.integer({ min: 0, max: 255 }), { minLength: 1, maxLength: 3 })
      .map((bytes) => ({ BS: bytes.map((byte) => new Uint8Array([byte])) })),
    fc.array(tie('any'), { maxLength: 3 }).map((L) => ({ L })),
    fc
      .array(fc.tuple(fc.oneof(names, fc.string({ minLength: 1, maxLength: 8 })), tie('any')), { maxLength: 3 })
      .map((members) => ({ M: Object.fromEntries(members) })),
  ),
})).any;

/** Numbers for what must be one, or DynamoDB refuses the item itself; anything for the rest. */
const others = fc
  .tuple(
    fc.record(
      {
        pendingShard: digits.map(N),
        holdStartedAtMs: fc.oneof(digits.map(N), attribute),
        createdAtMs: attribute,
        confirmedAtMs: attribute,
        expiredAtMs: attribute,
        expiredBy: attribute,
        requestHash: attribute,
        details: attribute,
      },
      { requiredKeys: [] },
    ),
    fc.dictionary(fc.oneof(names, fc.string({ minLength: 1, maxLength: 8 })), attribute, { maxKeys: 2 }),
  )
  .map(([known, unknown]) => ({ ...unknown, ...known }) as Record<string, AttributeValue>);

const holdMs = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 1_000, max: 9_000 }) },
  { weight: 2, arbitrary: fc.integer({ min: 13 * MINUTE_MS, max: 17 * MINUTE_MS }) },
  { weight: 2, arbitrary: fc.integer({ min: 20 * MINUTE_MS, max: 2 * DAY_MS }) },
);
const fraction = fc.oneof(
  { weight: 3, arbitrary: fc.constant('') },
  { weight: 1, arbitrary: fc.constantFrom('.5', '.0000000000000000000000001', '.9999999999999999999999999') },
);

/** @param unusable deadlines that nobody may act on */
const strangeItemWith = (unusable: readonly AttributeValue[]): fc.Arbitrary<StrangeItem> =>
  fc.record({
    deadline: fc.oneof(
      { weight: 8, arbitrary: fc.record({ holdMs, fraction }) },
      {
        weight: 1,
        arbitrary: fc.constantFrom(...unusable).map((one) => ({ unusable: one })),
      },
      { weight: 1, arbitrary: fc.constant('none' as const) },
    ),
    status: fc.oneof(
      { weight: 12, arbitrary: fc.constant(S('PENDING')) },
      { weight: 1, arbitrary: fc.constantFrom(S('PAID'), S('pending'), N('1'), 'none' as const) },
      { weight: 1, arbitrary: attribute },
    ),
    others,
    bytesLeft: fc.oneof(
      { weight: 20, arbitrary: fc.constant(undefined) },
      { weight: 1, arbitrary: fc.integer({ min: 0, max: 60 }) },
    ),
  });

/** Items of the bookings table. */
export const strangeItem: fc.Arbitrary<StrangeItem> = strangeItemWith(unusableDeadlines(BOOKINGS));

/**
 * The SDK cannot read the item of a refused update where a map's member is named so. On tables of others each refusal by the
 * embedded engine comes that way, because it takes no statement that removes several attributes.
 */
const isReadable = (item: StrangeItem): boolean => !JSON.stringify(item).includes('"__proto__"');

/** Items of a table of any make, as its owner or somebody else may write them. */
export const strangeItemOf = (make: TableOfAMake): fc.Arbitrary<StrangeItem> => {
  if (isOurs(make)) return strangeItem;
  return fc
    .record({
      item: strangeItemWith(unusableDeadlines(make)).filter(isReadable),
      copy: fc.oneof(
        fc.constant(undefined),
        fc.constantFrom(0, -1, 1, -SECOND_MS, 60 * MINUTE_MS, -60 * MINUTE_MS).map((off) => ({ offMs: off })),
        digits.map((each) => ({ digits: each })),
      ),
      kind: fc.constantFrom(undefined, undefined, undefined, 'another' as const, 'none' as const),
    })
    .map(({ item, copy, kind }) => ({
      ...item,
      ...(hasOwnIndexKey(make.shape) && { copy }),
      ...(Object.keys(make.shape.only).length > 0 && { kind }),
    }));
};

/** The item as it is written now, without its key. What is known under our names has the names of the table. */
export const attributesOf = (make: TableOfAMake, item: StrangeItem, nowMs: number): Record<string, AttributeValue> => {
  const { shape, others: owners } = make;
  const names = new Map<string, string>(Object.entries({ ...shape.attributes }));
  const kindNames = item.kind === undefined ? [] : Object.keys(shape.only);
  const attributes: Record<string, AttributeValue> = { ...owners };
  for (const name of kindNames) {
    delete attributes[name];
    if (item.kind === 'another') attributes[name] = { S: 'Invoice' };
  }
  for (const [name, value] of Object.entries(item.others)) attributes[names.get(name) ?? name] = value;
  const { status, deadline, copy, detailsBytes } = item;
  if (status !== 'none') {
    const word = status.S === undefined ? undefined : wordOf(make, status.S, nowMs);
    attributes[shape.status.attribute] = word === undefined ? status : { S: word };
  }
  if (deadline !== 'none') {
    attributes[shape.deadline.attribute] =
      'unusable' in deadline ? deadline.unusable : deadlineAttribute(make, nowMs + deadline.holdMs, deadline.fraction);
  }
  if (copy !== undefined) {
    const holdMs = deadline !== 'none' && 'holdMs' in deadline ? deadline.holdMs : 0;
    attributes[shape.attributes.expiresAtMs] = {
      N: 'digits' in copy ? copy.digits : String(nowMs + holdMs + copy.offMs),
    };
  }
  if (detailsBytes !== undefined) attributes.details = { M: { note: { S: 'x'.repeat(detailsBytes) } } };
  return attributes;
};

/** As a failure tells it. */
export const tellItem = ({
  deadline,
  status,
  others: rest,
  bytesLeft,
  detailsBytes,
  copy,
  kind,
}: StrangeItem): string => {
  const when =
    deadline === 'none'
      ? 'no deadline'
      : 'unusable' in deadline
        ? `the deadline ${JSON.stringify(deadline.unusable)}`
        : `a deadline in ${deadline.holdMs}${deadline.fraction} ms`;
  const what = status === 'none' ? 'no status' : `the status ${JSON.stringify(status)}`;
  const full = bytesLeft === undefined ? '' : `, filled up to ${bytesLeft} bytes below the limit`;
  const large = detailsBytes === undefined ? '' : `, with ${detailsBytes} bytes of details`;
  const copied = copy === undefined ? '' : `, a copy of the deadline (${JSON.stringify(copy)})`;
  const another = kind === undefined ? '' : ', of another kind';
  return `with ${what}, ${when}${copied}${another} and ${JSON.stringify(rest)}${large}${full}`;
};
