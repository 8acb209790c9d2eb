/**
 * What a table looks like to the service: which of its attributes hold the key, the status and the deadline, and under which
 * names the service keeps what it adds. The bookings table of this service is one shape; a table that somebody else made is
 * described by its owner.
 */

/** Units that a deadline may be written in. `iso8601` is text with an offset: `2026-12-24T18:00:00Z`. */
export const DEADLINE_UNITS = ['milliseconds', 'seconds', 'iso8601'] as const;
export type DeadlineUnit = (typeof DEADLINE_UNITS)[number];

/** An attribute of a table's key. DynamoDB's type: S for text, N for a number. */
export interface KeyAttribute {
  readonly name: string;
  readonly type: 'S' | 'N';
}

/** A value that an expiry may set. */
export type PlainValue = string | number | boolean;

/** Names of what the service adds to an item. */
export interface AddedAttributes {
  /** Which partition of the index a held item waits in. Present while it is held. */
  readonly pendingShard: string;
  /** The deadline in epoch ms, sort key of the index. The owner's own attribute where its unit is milliseconds. */
  readonly expiresAtMs: string;
  /** When the service first saw the hold, epoch ms. */
  readonly holdStartedAtMs: string;
  /** When the item was marked as expired, epoch ms. */
  readonly expiredAtMs: string;
  /** Who marked it: `timer` or `sweep`. */
  readonly expiredBy: string;
}

/** A table's shape, whole. Made by `tableShape`. */
export interface TableShape {
  readonly key: { readonly partition: KeyAttribute; readonly sort?: KeyAttribute };
  readonly status: { readonly attribute: string; readonly pending: readonly string[]; readonly expired: string };
  readonly deadline: { readonly attribute: string; readonly unit: DeadlineUnit };
  readonly onExpire: {
    readonly set: Readonly<Record<string, PlainValue>>;
    readonly remove: readonly string[];
  };
  readonly only: Readonly<Record<string, string>>;
  readonly attributes: AddedAttributes;
  readonly indexName: string;
  readonly eventDetails?: string;
  readonly afterwards?: Afterwards;
}

/**
 * What an item of our own table gets when it is settled or expires, beside its status. Only for tables whose items never
 * lead back to being held: there such marks would outlive what they are about.
 */
export interface Afterwards {
  /** Whole days until DynamoDB may delete it. @default - it is kept */
  readonly purgeAfterDays?: number;
  /** How many partitions the list of settled and expired items is spread over. @default - there is no such list */
  readonly listShards?: number;
}

/** A table as its owner describes it. Everything has a default: what is left out is as in the bookings table. */
export interface TableDescription {
  /**
   * The table's key. A name alone is a text attribute.
   * @default { partition: 'bookingId' }
   */
  readonly key?: { readonly partition: string | KeyAttribute; readonly sort?: string | KeyAttribute };
  readonly status?: {
    /** @default 'status' */
    readonly attribute?: string;
    /** The words of an item that is held and unpaid: one or more. @default ['PENDING'] */
    readonly pending?: string | readonly string[];
    /** The word that a lapsed item gets. It may be one that frees the item, such as `available`. @default 'EXPIRED' */
    readonly expired?: string;
  };
  readonly deadline?: {
    /** @default 'expiresAtMs' */
    readonly attribute?: string;
    /** @default 'milliseconds' */
    readonly unit?: DeadlineUnit;
  };
  /** What else an expiry changes in the item. @default - nothing */
  readonly onExpire?: {
    readonly set?: Readonly<Record<string, PlainValue>>;
    readonly remove?: readonly string[];
  };
  /** Text attributes that an item must have, each with this value, to be looked at at all. @default - every item is */
  readonly only?: Readonly<Record<string, string>>;
  /** Other names for what the service adds. @default - `pendingShard`, `expiresAtMs`, `holdStartedAtMs`, `expiredAtMs`, `expiredBy` */
  readonly attributes?: Partial<AddedAttributes>;
  /** Name of the index of held items. @default 'pending-by-expiry' */
  readonly indexName?: string;
  /** Name of an attribute whose map events carry as `details`. @default - events carry none */
  readonly eventDetails?: string;
  /** @internal For the bookings table of this service. @default - nothing */
  readonly afterwards?: Afterwards;
}

/** Thrown for a table that cannot be described so. The message says what is allowed and what was received. */
export class InvalidTableError extends Error {
  override readonly name = 'InvalidTableError';
}

const ADDED: AddedAttributes = {
  pendingShard: 'pendingShard',
  expiresAtMs: 'expiresAtMs',
  holdStartedAtMs: 'holdStartedAtMs',
  expiredAtMs: 'expiredAtMs',
  expiredBy: 'expiredBy',
};

/** Most bytes of an attribute's name that an index has as a key (Amazon DynamoDB Developer Guide, Quotas). */
const MAX_NAME_BYTES = 255;
/** What stands for steps into a map or a list, and what a name is quoted with: not every engine takes them in a name. */
const NO_NAME = /[.[\]"]/;

/**
 * The shape of a table from its owner's description.
 *
 * @throws InvalidTableError for the first thing in it that cannot be
 */
export const tableShape = (given: TableDescription = {}): TableShape => {
  const unit = given.deadline?.unit ?? 'milliseconds';
  if (!DEADLINE_UNITS.includes(unit)) throw refused('deadline.unit', `be one of ${DEADLINE_UNITS.join(', ')}`, unit);
  const deadline = { attribute: nameOf('deadline.attribute', given.deadline?.attribute ?? ADDED.expiresAtMs), unit };
  const shape: TableShape = {
    key: keyOf(given.key ?? { partition: 'bookingId' }),
    status: statusOf(given.status ?? {}),
    deadline,
    onExpire: onExpireOf(given.onExpire ?? {}),
    only: onlyOf(given.only ?? {}),
    attributes: addedOf(given.attributes ?? {}, deadline),
    indexName: indexNameOf(given.indexName ?? 'pending-by-expiry'),
    ...(given.eventDetails !== undefined && { eventDetails: nameOf('eventDetails', given.eventDetails) }),
    ...(given.afterwards !== undefined && { afterwards: { ...given.afterwards } }),
  };
  refuseClashes(shape);
  return shape;
};

const keyOf = ({ partition, sort }: NonNullable<TableDescription['key']>): TableShape['key'] => ({
  partition: keyAttribute('key.partition', partition),
  ...(sort !== undefined && { sort: keyAttribute('key.sort', sort) }),
});

const keyAttribute = (where: string, given: string | KeyAttribute): KeyAttribute => {
  if (typeof given === 'string') return { name: nameOf(where, given), type: 'S' };
  const { name, type } = given;
  if (type !== 'S' && type !== 'N') throw refused(`${where}.type`, 'be S or N', type);
  return { name: nameOf(`${where}.name`, name), type };
};

const statusOf = ({
  attribute = 'status',
  pending = 'PENDING',
  expired = 'EXPIRED',
}: NonNullable<TableDescription['status']>) => {
  const words = typeof pending === 'string' ? [pending] : pending;
  if (!Array.isArray(words) || words.length === 0 || !words.every(isWord) || new Set(words).size < words.length) {
    throw refused('status.pending', 'be one or more words, none of them twice', pending);
  }
  if (!isWord(expired) || words.includes(expired)) {
    throw refused('status.expired', `be a word that is none of status.pending (${words.join(', ')})`, expired);
  }
  return { attribute: nameOf('status.attribute', attribute), pending: [...words], expired };
};

const onExpireOf = ({ set = {}, remove = [] }: NonNullable<TableDescription['onExpire']>): TableShape['onExpire'] => {
  for (const [name, value] of Object.entries(set)) {
    nameOf('onExpire.set', name);
    const isPlain = typeof value === 'string' || typeof value === 'boolean' || Number.isFinite(value);
    if (!isPlain) throw refused(`onExpire.set.${name}`, 'be text, a finite number, true or false', value);
  }
  if (!Array.isArray(remove)) throw refused('onExpire.remove', 'be a list of names', remove);
  for (const name of remove) nameOf('onExpire.remove', name);
  return { set: { ...set }, remove: [...remove] };
};

const onlyOf = (only: NonNullable<TableDescription['only']>): TableShape['only'] => {
  for (const [name, value] of Object.entries(only)) {
    nameOf('only', name);
    if (typeof value !== 'string') throw refused(`only.${name}`, 'be text', value);
  }
  return { ...only };
};

/** Where the owner counts in milliseconds, the owner's deadline is the index's sort key itself. */
const addedOf = (given: Partial<AddedAttributes>, deadline: TableShape['deadline']): AddedAttributes => {
  const unknown = Object.keys(given).find((name) => !Object.hasOwn(ADDED, name));
  if (unknown !== undefined) throw refused('attributes', `have no names but ${Object.keys(ADDED).join(', ')}`, unknown);
  const isCounted = deadline.unit === 'milliseconds';
  if (isCounted && given.expiresAtMs !== undefined && given.expiresAtMs !== deadline.attribute) {
    throw refused(
      'attributes.expiresAtMs',
      `be left out where deadline.unit is milliseconds: it is ${deadline.attribute} itself`,
      given.expiresAtMs,
    );
  }
  const added = { ...ADDED, ...given, ...(isCounted && { expiresAtMs: deadline.attribute }) };
  for (const [role, name] of Object.entries(added)) nameOf(`attributes.${role}`, name);
  return added;
};

/** Amazon DynamoDB Developer Guide, naming rules. */
const indexNameOf = (name: string): string => {
  if (!/^[A-Za-z0-9_.-]{3,255}$/.test(name)) {
    throw refused('indexName', 'be 3 to 255 letters, digits, underscores, hyphens and points', name);
  }
  return name;
};

/** No attribute may have two meanings, and an expiry changes neither the key nor what decides about it. */
const refuseClashes = ({ key, status, deadline, onExpire, only, attributes }: TableShape): void => {
  const { expiresAtMs, ...others } = attributes;
  const meanings: [meaning: string, name: string][] = [
    ['key.partition', key.partition.name],
    ...(key.sort ? [['key.sort', key.sort.name] as [string, string]] : []),
    ['status.attribute', status.attribute],
    ['deadline.attribute', deadline.attribute],
    ...(deadline.unit === 'milliseconds' ? [] : [['attributes.expiresAtMs', expiresAtMs] as [string, string]]),
    ...Object.entries(others).map(([role, name]): [string, string] => [`attributes.${role}`, name]),
    ...Object.keys(only).map((name): [string, string] => ['only', name]),
  ];
  const meaningOf = new Map<string, string>();
  for (const [meaning, name] of meanings) {
    const other = meaningOf.get(name);
    // A table of many kinds may distinguish them by its key.
    if (other !== undefined && !(meaning === 'only' && other.startsWith('key.'))) {
      throw refused(meaning, `be another attribute than ${other}`, name);
    }
    meaningOf.set(name, meaning);
  }
  for (const name of [...Object.keys(onExpire.set), ...onExpire.remove]) {
    const meaning = meaningOf.get(name);
    const mayGo = meaning === 'deadline.attribute' && !Object.hasOwn(onExpire.set, name);
    if (meaning !== undefined && !mayGo) throw refused('onExpire', `leave ${meaning} alone`, name);
  }
  const both = onExpire.remove.find((name) => Object.hasOwn(onExpire.set, name));
  if (both !== undefined) throw refused('onExpire', 'either set or remove an attribute', both);
};

const nameOf = (where: string, given: unknown): string => {
  const isName = typeof given === 'string' && given !== '' && new TextEncoder().encode(given).length <= MAX_NAME_BYTES;
  if (!isName || NO_NAME.test(given)) {
    throw refused(where, `be the name of an attribute, of 1 to ${MAX_NAME_BYTES} bytes and without . [ ] "`, given);
  }
  return given;
};

const isWord = (given: unknown): given is string => typeof given === 'string' && given !== '';

const refused = (where: string, rule: string, got: unknown): InvalidTableError =>
  new InvalidTableError(`${where} must ${rule}, got ${JSON.stringify(got) ?? 'nothing'}`);

/** Whether the index goes by an attribute of its own, because the owner's deadline is in no unit that it could go by. */
export const hasOwnIndexKey = ({ deadline }: TableShape): boolean => deadline.unit !== 'milliseconds';

/** Attributes that the bookings table of this service has beside those of a shape. */
export const OWN_ATTRIBUTES = {
  /** When the booking was created, confirmed and cancelled, epoch ms. */
  createdAtMs: 'createdAtMs',
  confirmedAtMs: 'confirmedAtMs',
  cancelledAtMs: 'cancelledAtMs',
  /** What the creating request asked for, as a hash. */
  requestHash: 'requestHash',
  /** The caller's own data: a map. */
  details: 'details',
  /** The slots that it claims: a list of texts. */
  slotIds: 'slotIds',
  /** When it was revived, epoch ms. */
  revivedAtMs: 'revivedAtMs',
  /** When its confirmation was refused for good because a slot of it is another booking's, epoch ms; and which slots. */
  slotsLostAtMs: 'slotsLostAtMs',
  lostSlotIds: 'lostSlotIds',
  /**
   * Whose booking it is, in the caller's words, and when it was created, epoch ms. Only bookings that were created with a
   * `customerId` have them. As keys of an index DynamoDB takes them in one type only: so their names are ones that no other
   * program has for something of its own.
   */
  listedFor: 'listedFor',
  listedAtMs: 'listedAtMs',
  /** When DynamoDB may delete the booking, epoch seconds: the table's time to live. Present once it is settled or expired. */
  purgeAt: 'purgeAt',
  /** Where the list of settled and expired bookings has it: its status and a shard, such as `EXPIRED#7`. */
  settledIn: 'settledIn',
  /** When it was settled or expired, epoch ms: the order of that list. */
  settledAtMs: 'settledAtMs',
} as const;

/** Attributes of the slots table. */
export const SLOT_ATTRIBUTES = {
  /** Key, S. */
  slotId: 'slotId',
  /** The booking that has it, S. */
  bookingId: 'bookingId',
  /** HELD or TAKEN, S. */
  state: 'state',
  /** When its hold lapses, epoch ms, N. HELD only. */
  heldUntilMs: 'heldUntilMs',
  /** When DynamoDB may delete it, epoch seconds, N: the table's time to live. HELD only: what is sold stays sold. */
  purgeAt: 'purgeAt',
} as const;

/** Indexes that the bookings table of this service has beside that of held bookings. */
export const LIST_INDEXES = { byCustomer: 'by-customer', settled: 'settled-by-time' } as const;

/** The bookings table of this service, with whatever its deployment has it keep afterwards. */
export const bookingsTable = (afterwards: Afterwards = {}): TableDescription => ({
  eventDetails: OWN_ATTRIBUTES.details,
  ...(Object.keys(afterwards).length > 0 && { afterwards }),
});
export const BOOKINGS_TABLE: TableDescription = bookingsTable();
export const BOOKINGS_SHAPE: TableShape = tableShape(BOOKINGS_TABLE);

/** Whether this is the shape of the bookings table of this service, whatever its deployment has it keep afterwards. */
export const isBookingsTable = ({ afterwards: _, ...shape }: TableShape): boolean =>
  JSON.stringify(shape) === JSON.stringify(BOOKINGS_SHAPE);

/** Whether an expired item may be held again, and others than the service may give it the word: a word of its owner's own. */
export const mayBeHeldAgain = ({ status }: TableShape): boolean => status.expired !== BOOKINGS_SHAPE.status.expired;
