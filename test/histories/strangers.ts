/** Items as strangers write them: anything that DynamoDB takes, and what must become of it. */
import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import fc from 'fast-check';
import { DAY_MS, MINUTE_MS } from '../../functions/core/hold-time.ts';

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

export const strangeItem: fc.Arbitrary<StrangeItem> = fc.record({
  deadline: fc.oneof(
    { weight: 8, arbitrary: fc.record({ holdMs, fraction }) },
    {
      weight: 1,
      arbitrary: fc
        .constantFrom('0', '-1', '1800000060', '999999999999.9999', '100000000000000.1', '1'.repeat(38), '1E-130')
        .map((unusable) => ({ unusable: N(unusable) })),
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

/** As a failure tells it. */
export const tellItem = ({ deadline, status, others: rest, bytesLeft, detailsBytes }: StrangeItem): string => {
  const when =
    deadline === 'none'
      ? 'no deadline'
      : 'unusable' in deadline
        ? `the deadline ${JSON.stringify(deadline.unusable)}`
        : `a deadline in ${deadline.holdMs}${deadline.fraction} ms`;
  const what = status === 'none' ? 'no status' : `the status ${JSON.stringify(status)}`;
  const full = bytesLeft === undefined ? '' : `, filled up to ${bytesLeft} bytes below the limit`;
  const large = detailsBytes === undefined ? '' : `, with ${detailsBytes} bytes of details`;
  return `with ${what}, ${when} and ${JSON.stringify(rest)}${large}${full}`;
};
